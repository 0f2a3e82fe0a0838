//! How long it takes to draw an answer as Markdown while it arrives word by word: ten times the words, ten
//! times as long.

use std::borrow::Cow;

use divan::Bencher;
use divan::counter::ItemsCount;
use rtvoice::markdown::ansi::{ColorLevel, Printer};
use rtvoice::markdown::document::Document;
use rtvoice::markdown::layout::{Glyphs, TextLayout};
use rtvoice::ui::text::sanitize::sanitize;

const LENGTHS: [usize; 3] = [1_000, 10_000, 100_000];

/// Words that arrive between two frames of a screen.
const WORDS_PER_FRAME: usize = 20;

fn main() {
    divan::main();
}

/// Returns an answer with paragraphs, lists, tables and Chinese text.
fn answer(words: usize) -> String {
    let section = "## A section\n\nA **ring buffer** holds `capacity` items, see [the docs](https://example.org).\n\n\
                   - the first item\n- the second item\n\n| a | b |\n|---|---|\n| one | two |\n\n\
                   環形緩衝區的**容量固定。**不會等待。\n\n";
    section.repeat(words / section.split(' ').count() + 1)
}

fn layout(columns: usize) -> TextLayout {
    TextLayout { columns, glyphs: Glyphs::Unicode, sanitize: clean }
}

fn clean(text: &str) -> Cow<'_, str> {
    sanitize(text)
}

#[divan::bench(args = LENGTHS, sample_count = 5)]
fn print_an_answer_word_by_word(bencher: Bencher<'_, '_>, words: usize) {
    let answer = answer(words);
    bencher.counter(ItemsCount::new(words)).bench(|| {
        let mut printer = Printer::new(ColorLevel::Monochrome);
        let pieces = answer.split_inclusive(' ').map(|word| printer.push(word, &layout(80)).len());
        pieces.sum::<usize>() + printer.finish(&layout(80)).len()
    });
}

#[divan::bench(args = LENGTHS, sample_count = 5)]
fn lay_out_an_answer_frame_by_frame(bencher: Bencher<'_, '_>, words: usize) {
    let answer = answer(words);
    let pieces: Vec<&str> = answer.split_inclusive(' ').collect();
    bencher.counter(ItemsCount::new(words)).bench(|| {
        let mut document = Document::default();
        for frame in pieces.chunks(WORDS_PER_FRAME) {
            frame.iter().for_each(|word| document.push(word));
            document.lay_out(&layout(200));
        }
        document.line_count()
    });
}

#[divan::bench(args = LENGTHS, sample_count = 5)]
fn lay_out_an_answer_at_another_width(bencher: Bencher<'_, '_>, words: usize) {
    let mut document = Document::default();
    document.push(&answer(words));
    document.finish();
    let mut columns = 200;
    bencher.counter(ItemsCount::new(words)).bench_local(|| {
        columns = 350 - columns;
        document.lay_out(&layout(columns));
    });
}
