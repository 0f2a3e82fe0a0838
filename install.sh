#!/bin/sh
# Builds rtvoice from this checkout and installs it, with all that a bare machine lacks for that.
set -eu

usage() {
	cat <<'TEXT'
Build rtvoice from this checkout and install it

Usage: ./install.sh [--prefix DIR] [--test | --uninstall]

Options:
  --prefix DIR   install to DIR/bin, pages for man and completions of bash and
                 fish to DIR/share [default: ~/.local]
  --test         run the whole test suite; nothing is installed but what it needs
  --uninstall    remove what was installed; toolchain and packages stay
  -h, --help     print this help

What is missing is installed first: by the system's package manager (apt-get,
dnf, pacman, brew) a C compiler, pkg-config and the development files of ALSA,
with --test also PulseAudio and espeak-ng; by rustup a Rust toolchain. No start
file is changed.
TEXT
}

main() {
	read_arguments "$@"
	enter_checkout
	case $task in
	install)
		prepare
		install_program
		;;
	check)
		prepare
		run_tests
		;;
	uninstall) uninstall_program ;;
	esac
}

read_arguments() {
	task=install
	prefix=${HOME:+$HOME/.local}
	while [ $# -gt 0 ]; do
		case $1 in
		--prefix)
			[ $# -ge 2 ] || misused "--prefix needs a folder"
			prefix=$2
			shift
			;;
		--prefix=*) prefix=${1#--prefix=} ;;
		--test) task=check ;;
		--uninstall) task=uninstall ;;
		-h | --help)
			usage
			exit 0
			;;
		*) misused "there is no option $1" ;;
		esac
		shift
	done
	[ -n "$prefix" ] || misused "HOME is not set: say where to install by --prefix DIR"
	case $prefix in
	/*) ;;
	*) prefix=$PWD/$prefix ;;
	esac
}

enter_checkout() {
	cd -- "$(dirname -- "$0")" || fail "the folder of install.sh cannot be entered"
	grep -q '^name = "rtvoice"' Cargo.toml 2>/dev/null ||
		fail "there is no checkout of rtvoice in $PWD: clone the repository and run install.sh inside it"
	target=${CARGO_TARGET_DIR:-$PWD/target}
	oldest_rust=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
}

prepare() {
	scratch=$(mktemp -d) || fail "no temporary folder can be made"
	trap 'rm -rf "$scratch"' EXIT
	trap 'exit 130' INT TERM HUP
	find_rust
	find_what_is_missing
	if [ -n "$missing" ]; then
		install_packages
		find_what_is_missing
		[ -z "$missing" ] || fail "still missing after $manager installed it:$missing"
	fi
	[ -n "$cargo" ] || install_rust
}

# ---- what there is and what is missing ----

find_rust() {
	cargo=
	for candidate in cargo "${CARGO_HOME:-${HOME-}/.cargo}/bin/cargo"; do
		if is_new_enough "$candidate"; then
			cargo=$candidate
			return
		fi
	done
}

is_new_enough() {
	found=$("$1" --version 2>/dev/null) || return 1
	found=${found#cargo }
	found_major=${found%%.*}
	found_minor=${found#*.}
	found_minor=${found_minor%%.*}
	needed_minor=${oldest_rust#*.}
	needed_minor=${needed_minor%%.*}
	[ "$found_major" -gt "${oldest_rust%%.*}" ] ||
		{ [ "$found_major" -eq "${oldest_rust%%.*}" ] && [ "$found_minor" -ge "$needed_minor" ]; }
}

find_what_is_missing() {
	missing=
	compiles || missing="$missing compiler"
	if [ "$(uname -s)" = Linux ]; then
		has pkg-config || missing="$missing pkg-config"
		pkg-config --exists alsa 2>/dev/null || missing="$missing alsa"
	fi
	[ -n "$cargo" ] || has curl || has rustup || missing="$missing curl"
	[ "$task" != check ] || find_what_tests_miss
}

find_what_tests_miss() {
	has espeak-ng || missing="$missing espeak-ng"
	if [ "$(uname -s)" = Linux ]; then
		has pulseaudio || missing="$missing pulseaudio"
		{ has pactl && has paplay && has parec; } || missing="$missing pulseaudio-utils"
	fi
}

# A compiler without the C library's files, or the macOS stand-in for one, does not count.
compiles() {
	[ "$(uname -s)" != Darwin ] || xcode-select -p >/dev/null 2>&1 || return 1
	printf '#include <stdlib.h>\nint main(void) { return 0; }\n' >"$scratch/probe.c"
	cc -o "$scratch/probe" "$scratch/probe.c" >/dev/null 2>&1
}

has() {
	command -v "$1" >/dev/null 2>&1
}

# ---- the system's packages ----

install_packages() {
	find_manager
	packages=
	for need in $missing; do
		packages="${packages:+$packages }$(packages_for "$need")"
	done
	case $manager in
	apt-get) order="apt-get install -y --no-install-recommends --no-remove $packages" ;;
	dnf) order="dnf install -y $packages" ;;
	pacman) order="pacman -S --needed --noconfirm $packages" ;;
	brew) order="brew install $packages" ;;
	esac
	find_way_to_root
	say "Installing with $shown_root$manager: $packages"
	# A stale or partly unreachable list is no failure as long as the packages can be had.
	case $manager in
	apt-get) quietly $root apt-get update || true ;;
	pacman) [ -e /var/lib/pacman/sync/core.db ] || quietly $root pacman -Sy || true ;;
	esac
	# shellcheck disable=SC2086 # One word a package.
	quietly $root env DEBIAN_FRONTEND=noninteractive $order </dev/null || {
		cat "$scratch/log" >&2
		fail "$manager did not install $packages: run \`$shown_root$order\`, then run install.sh again"
	}
}

find_manager() {
	case $(uname -s) in
	Darwin)
		case " $missing " in
		*" compiler "*) fail "the compiler is missing: run \`xcode-select --install\`, then run install.sh again" ;;
		esac
		managers=brew
		;;
	*) managers="apt-get dnf pacman" ;;
	esac
	manager=
	for candidate in $managers; do
		if has "$candidate"; then
			manager=$candidate
			return
		fi
	done
	fail "no package manager of $managers is here: install these by hand, then run install.sh again:$missing"
}

packages_for() {
	case $manager:$1 in
	apt-get:compiler) echo gcc libc6-dev ;;
	*:compiler) echo gcc ;;
	apt-get:pkg-config) echo pkg-config ;;
	dnf:pkg-config) echo pkgconf-pkg-config ;;
	*:pkg-config) echo pkgconf ;;
	apt-get:alsa) echo libasound2-dev ;;
	dnf:alsa) echo alsa-lib-devel ;;
	*:alsa) echo alsa-lib ;;
	*:curl) echo curl ca-certificates ;;
	pacman:pulseaudio-utils) echo libpulse ;;
	*) echo "$1" ;;
	esac
}

find_way_to_root() {
	root=
	shown_root=
	if [ "$manager" = brew ] || [ "$(id -u)" -eq 0 ]; then
		return
	fi
	has sudo || fail "packages are missing and only root may install them: run \`$order\` as root, then run install.sh again"
	root=sudo
	shown_root="sudo "
}

# ---- Rust ----

install_rust() {
	if has rustup; then
		say "Installing Rust with the rustup that is here (Rust $oldest_rust or newer is needed)"
		rustup toolchain install stable --profile minimal --no-self-update ||
			fail "rustup did not install Rust: run \`rustup toolchain install stable\`, then run install.sh again"
		RUSTUP_TOOLCHAIN=stable
		export RUSTUP_TOOLCHAIN
	else
		say "Installing Rust by rustup from https://rustup.rs (Rust $oldest_rust or newer is needed)"
		curl --proto '=https' --tlsv1.2 -sSf -o "$scratch/rustup.sh" https://sh.rustup.rs ||
			fail "https://sh.rustup.rs cannot be reached: install Rust $oldest_rust or newer, then run install.sh again"
		# A Rust of the system's packages may be here, too old for us: it stays, and is not used.
		RUSTUP_INIT_SKIP_PATH_CHECK=yes sh "$scratch/rustup.sh" -y --quiet --profile minimal --no-modify-path ||
			fail "rustup did not install Rust: see https://rustup.rs, then run install.sh again"
	fi
	PATH=${CARGO_HOME:-${HOME-}/.cargo}/bin:$PATH
	export PATH
	find_rust
	[ -n "$cargo" ] || fail "the Rust that rustup installed is older than $oldest_rust: run \`rustup update stable\`, then run install.sh again"
}

# ---- the tasks ----

install_program() {
	say "Building rtvoice (the first time takes some minutes)"
	"$cargo" build --release --locked --target-dir "$target" || fail "rtvoice cannot be built: the compiler's message is above"
	folder=$prefix/bin
	# Moved into place, so that a program that runs is not written over.
	{ mkdir -p "$folder" && cp "$target/release/rtvoice" "$folder/.rtvoice.new" &&
		chmod 755 "$folder/.rtvoice.new" && mv -f "$folder/.rtvoice.new" "$folder/rtvoice"; } ||
		fail "$folder cannot be written to: choose another folder by --prefix DIR"
	say "Installed $folder/rtvoice"
	extras | while read -r file words; do
		# shellcheck disable=SC2086 # One word an argument.
		{ mkdir -p "$(dirname -- "$prefix/$file")" && "$folder/rtvoice" $words >"$prefix/$file"; } ||
			say "Without $prefix/$file, which cannot be written"
	done
	case :$PATH: in
	*:"$folder":*) ;;
	*) say "$folder is not on PATH: call the program by its full path, or add the folder to PATH in your shell's start file" ;;
	esac
	has espeak-ng || say "Optional: with espeak-ng installed the built-in endpoint can say any sentence"
}

# What is installed besides the program, and the words after its name that print it.
extras() {
	cat <<'TEXT'
share/bash-completion/completions/rtvoice completions bash
share/fish/vendor_completions.d/rtvoice.fish completions fish
share/man/man1/rtvoice.1 man
share/man/man1/rtvoice-talk.1 man talk
share/man/man1/rtvoice-chat.1 man chat
share/man/man1/rtvoice-transcribe.1 man transcribe
share/man/man1/rtvoice-serve.1 man serve
share/man/man1/rtvoice-config.1 man config
TEXT
}

run_tests() {
	say "Running the tests"
	# They wait in real time more than they compute; those that play sound take turns.
	export RUST_TEST_THREADS="${RUST_TEST_THREADS:-12}"
	"$cargo" test --locked --no-fail-fast --target-dir "$target" ||
		fail "the tests do not pass: the first failure is above"
	say "All tests passed"
}

uninstall_program() {
	[ -e "$prefix/bin/rtvoice" ] || fail "there is no $prefix/bin/rtvoice: say where it is by --prefix DIR"
	rm -f "$prefix/bin/rtvoice" || fail "$prefix/bin/rtvoice cannot be removed"
	extras | while read -r file words; do
		rm -f "$prefix/$file" || say "$prefix/$file cannot be removed"
	done
	say "Removed $prefix/bin/rtvoice"
}

# ---- words ----

say() {
	printf '%s\n' "$*"
}

fail() {
	printf 'install.sh: %s\n' "$*" >&2
	exit 1
}

misused() {
	printf 'install.sh: %s\n\n' "$*" >&2
	usage >&2
	exit 2
}

# Keeps what a command says for the case that it fails.
quietly() {
	"$@" >"$scratch/log" 2>&1
}

main "$@"
