#!/bin/sh
# Makes voice.ul and voice.tsv: the demo's speech for machines without espeak-ng.
# Needs espeak-ng and sox. Run it again when phrases.txt changes.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp phrases.txt "$work/phrases"
: >voice.ul
: >voice.tsv
start=0
while IFS= read -r phrase; do
    # Pieces of sentences are put together, which makes them slow; whole sentences are not.
    case $phrase in
        *.) speed=170 ;;
        *) speed=215 ;;
    esac
    # The program's name is spelled out, as the program itself does.
    printf '%s\n' "$phrase" | sed 's/[Rr]tvoice/R T voice/g' |
        espeak-ng -v en-us -s "$speed" --stdout --stdin >"$work/in.wav"
    # 8 kHz mu-law without header; silence around it goes. The header's length is bogus.
    sox --ignore-length "$work/in.wav" -t ul -r 8000 -c 1 "$work/out.ul" \
        silence 1 0.01 0.3% reverse silence 1 0.01 0.3% reverse pad 0 0.03 2>/dev/null
    length=$(wc -c <"$work/out.ul" | tr -d ' ')
    cat "$work/out.ul" >>voice.ul
    printf '%s\t%s\t%s\n' "$start" "$length" "$phrase" >>voice.tsv
    start=$((start + length))
done <"$work/phrases"
