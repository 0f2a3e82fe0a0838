//! How long a frame of the screen takes at 200x50: independent of what scrolled away, linear in what changed.

mod notices;

use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use rtvoice::session::io::{ConnectionState, Notice};
use rtvoice::ui::input::editor::Editor;
use rtvoice::ui::model::{CallInfo, Model};
use rtvoice::ui::view;
use rtvoice::ui::view::conversation::ConversationLayout;
use rtvoice::ui::view::meter::ballistics::MeterLevel;
use rtvoice::ui::view::meter::wave::Wave;
use rtvoice::ui::view::state::{LiveStatus, ScreenState};
use rtvoice::ui::view::theme::Theme;

use crate::notices::{assistant, user};

/// Words of the whole conversation.
const LENGTHS: [usize; 3] = [1_000, 10_000, 100_000];

/// Words of an answer that is streamed: ten times the words must take ten times as long.
const STREAMED: [usize; 4] = [2_000, 20_000, 65_000, 100_000];

/// Words of one turn.
const WORDS_PER_TURN: usize = 40;

/// Words that arrive between two frames.
const WORDS_PER_FRAME: usize = 20;

fn main() {
    divan::main();
}

struct Call {
    model: Model,
    editor: Editor,
    layout: ConversationLayout,
    terminal: Terminal<TestBackend>,
    theme: Theme,
    frames: u32,
}

impl Call {
    fn new(words: usize) -> Self {
        let mut model = Model::new(CallInfo::default());
        model.apply(Duration::ZERO, &Notice::Connection(ConnectionState::Live));
        for turn in 0..words / WORDS_PER_TURN / 2 {
            let question =
                "Could you say that again, please, and a little slower? ".repeat(WORDS_PER_TURN / 10);
            model.apply(Duration::ZERO, &user(&format!("u{turn}"), &question));
            let answer = answer(WORDS_PER_TURN);
            model.apply(Duration::ZERO, &assistant(&format!("a{turn}"), (&answer, ""), false));
        }
        let terminal = Terminal::new(TestBackend::new(200, 50)).expect("a buffer is a terminal");
        let (editor, layout) = (Editor::default(), ConversationLayout::default());
        Self { model, editor, layout, terminal, theme: Theme::colored(), frames: 0 }
    }

    fn draw(&mut self) {
        self.frames += 1;
        let now = Duration::from_secs(u64::from(self.frames));
        let live = LiveStatus {
            now,
            input: MeterLevel::SILENCE,
            output: MeterLevel::SILENCE,
            wave: Wave::default(),
        };
        let scene =
            ScreenState { model: &self.model, editor: &self.editor, live, theme: &self.theme, other: None };
        let (layout, mut drawn) = (&mut self.layout, Default::default());
        self.terminal
            .draw(|frame| drawn = view::draw(frame, &scene, layout))
            .expect("a buffer takes every frame");
        self.editor.apply(&drawn);
    }
}

fn answer(words: usize) -> String {
    let section = "A **ring buffer** holds `capacity` items:\n\n- the first item\n- the second item\n\n\
                   | a | b |\n|---|---|\n| one | two |\n\n環形緩衝區的**容量固定。**不會等待。\n\n";
    section.repeat(words / section.split(' ').count() + 1)
}

#[divan::bench(args = LENGTHS)]
fn draw_a_frame_at_the_end(bencher: Bencher<'_, '_>, words: usize) {
    let mut call = Call::new(words);
    call.draw();
    bencher.bench_local(|| call.draw());
}

#[divan::bench(args = LENGTHS)]
fn draw_a_frame_scrolled_to_the_beginning(bencher: Bencher<'_, '_>, words: usize) {
    let mut call = Call::new(words);
    call.editor.scroll = usize::MAX;
    call.draw();
    bencher.bench_local(|| call.draw());
}

#[divan::bench(args = LENGTHS, sample_count = 5)]
fn scroll_to_the_beginning_for_the_first_time(bencher: Bencher<'_, '_>, words: usize) {
    let prepare = || {
        let mut call = Call::new(words);
        call.draw();
        call.editor.scroll = usize::MAX;
        call
    };
    bencher.with_inputs(prepare).bench_local_values(|mut call| call.draw());
}

/// Each frame has more of one answer.
#[divan::bench(args = STREAMED, sample_count = 1, sample_size = 1)]
fn stream_an_answer(bencher: Bencher<'_, '_>, words: usize) {
    let answer = answer(words);
    let starts: Vec<usize> = answer.match_indices(' ').map(|(at, _)| at).step_by(WORDS_PER_FRAME).collect();
    bencher.counter(ItemsCount::new(words)).with_inputs(|| Call::new(1_000)).bench_local_values(
        |mut call| {
            for end in &starts {
                call.model.apply(Duration::ZERO, &assistant("last", (&answer[..*end], ""), false));
                call.draw();
            }
        },
    );
}

/// The last frame of a long answer, with a few more words than the frame before.
#[divan::bench(args = STREAMED, sample_count = 20, sample_size = 1)]
fn draw_a_frame_of_a_growing_answer(bencher: Bencher<'_, '_>, words: usize) {
    let answer = answer(words);
    let mut call = Call::new(1_000);
    let mut end = answer.len() - answer.len() / 10;
    call.model.apply(Duration::ZERO, &assistant("last", (&answer[..floor(&answer, end)], ""), false));
    call.draw();
    bencher.bench_local(|| {
        end = (end + 120).min(answer.len());
        call.model.apply(Duration::ZERO, &assistant("last", (&answer[..floor(&answer, end)], ""), false));
        call.draw();
    });
}

/// The first frame after the terminal has got another width.
#[divan::bench(args = STREAMED, sample_count = 10, sample_size = 1)]
fn draw_a_frame_after_a_resize(bencher: Bencher<'_, '_>, words: usize) {
    let mut call = Call::new(1_000);
    call.model.apply(Duration::ZERO, &assistant("last", (&answer(words), ""), false));
    call.draw();
    let mut columns = 200;
    bencher.bench_local(|| {
        columns = 350 - columns;
        call.terminal = Terminal::new(TestBackend::new(columns, 50)).expect("a buffer is a terminal");
        call.draw();
    });
}

/// Returns the end of the last character that ends by `end`.
fn floor(text: &str, end: usize) -> usize {
    (0..=end).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}
