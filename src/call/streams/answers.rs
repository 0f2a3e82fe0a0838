//! How the answers of a chat are written: as they come, as Markdown, in one piece, or only their code.

use std::io::{self, Write};
use std::sync::mpsc::Sender;

use crate::call::streams::standard::{charset, columns};
use crate::markdown::ansi::{ColorLevel, Printer};
use crate::markdown::extract::{self, Choice};
use crate::markdown::layout::{Glyphs, TextLayout};
use crate::markdown::spoken::SpokenPrinter;
use crate::ui::output::presenter::{AnswerWriter, Verbatim};
use crate::ui::text::charset::Charset;
use crate::ui::text::sanitize::sanitize;

/// How answers are written.
#[derive(Clone, Debug)]
pub(crate) struct AnswerOutput {
    pub(crate) format: AnswerFormat,
    pub(crate) delivery: Delivery,
}

/// What is written of an answer.
#[derive(Clone, Debug)]
pub(crate) enum AnswerFormat {
    /// Its source.
    Source,
    /// Markdown as it is drawn on a terminal.
    Markdown(ColorLevel),
    /// Markdown with its structure in words.
    Words,
    /// One of its code blocks. An answer without any goes to the receiver.
    Code(Choice, Sender<String>),
}

/// When an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// As it comes.
    Streamed,
    /// Once it is complete.
    Whole,
}

impl AnswerOutput {
    /// Writes answers as they come.
    pub(crate) const SOURCE: Self = Self { format: AnswerFormat::Source, delivery: Delivery::Streamed };

    /// Returns a writer that does so.
    pub(crate) fn writer(self, to: impl Write + Send + 'static) -> Box<dyn AnswerWriter + Send> {
        let writer: Box<dyn AnswerWriter + Send> = match self.format {
            AnswerFormat::Source => Box::new(Verbatim(to)),
            AnswerFormat::Markdown(level) => {
                Box::new(MarkdownWriter { to, level, printer: Printer::new(level), layout })
            }
            AnswerFormat::Words => Box::new(WordsWriter { to, printer: SpokenPrinter::new(sanitize) }),
            AnswerFormat::Code(choice, missing) => {
                Box::new(CodeWriter { to, choice, missing, answer: String::new() })
            }
        };
        match self.delivery {
            Delivery::Streamed => writer,
            Delivery::Whole => Box::new(WholeWriter { to: writer, answer: Vec::new() }),
        }
    }
}

/// Returns the layout for the terminal as wide as it is.
fn layout() -> TextLayout {
    let glyphs = match charset() {
        Charset::Unicode => Glyphs::Unicode,
        Charset::Ascii => Glyphs::Ascii,
    };
    TextLayout { columns: columns(), glyphs, sanitize }
}

/// Draws finished blocks of Markdown and never erases them.
struct MarkdownWriter<W> {
    to: W,
    level: ColorLevel,
    printer: Printer,
    layout: fn() -> TextLayout,
}

impl<W: Write> Write for MarkdownWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        let drawn = self.printer.push(text, &(self.layout)());
        self.to.write_all(drawn.as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl<W: Write> AnswerWriter for MarkdownWriter<W> {
    fn end_answer(&mut self) -> io::Result<()> {
        let drawn = self.printer.finish(&(self.layout)());
        self.printer = Printer::new(self.level);
        self.to.write_all(drawn.as_bytes())?;
        self.to.flush()
    }
}

/// Writes finished blocks of Markdown with their structure in words.
struct WordsWriter<W> {
    to: W,
    printer: SpokenPrinter,
}

impl<W: Write> Write for WordsWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        self.to.write_all(self.printer.push(text).as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl<W: Write> AnswerWriter for WordsWriter<W> {
    fn end_answer(&mut self) -> io::Result<()> {
        self.to.write_all(self.printer.finish().as_bytes())?;
        self.to.flush()
    }
}

/// Writes a code block of each answer.
struct CodeWriter<W> {
    to: W,
    choice: Choice,
    missing: Sender<String>,
    answer: String,
}

impl<W: Write> Write for CodeWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.answer.push_str(std::str::from_utf8(bytes).map_err(io::Error::other)?);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Write> AnswerWriter for CodeWriter<W> {
    fn end_answer(&mut self) -> io::Result<()> {
        let answer = std::mem::take(&mut self.answer);
        match extract::code_block(&answer, self.choice) {
            Some(code) => self.to.write_all(code.as_bytes()).and_then(|()| self.to.flush()),
            None => {
                // The receiver may have been dropped: then the session has failed otherwise.
                let _ = self.missing.send(answer);
                Ok(())
            }
        }
    }
}

/// Holds an answer back until it is complete.
struct WholeWriter<W> {
    to: W,
    answer: Vec<u8>,
}

impl<W> Write for WholeWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.answer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: AnswerWriter> AnswerWriter for WholeWriter<W> {
    fn end_answer(&mut self) -> io::Result<()> {
        self.to.write_all(&std::mem::take(&mut self.answer))?;
        self.to.flush()?;
        self.to.end_answer()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::ui::fixture::pipe;

    const ANSWER: [&str; 3] = ["one\n\n```sh\nl", "s\n```\n\n~~~\nmore\n", "~~~\n"];

    /// Returns what is written before and after the end of the answer.
    fn written(format: AnswerFormat, delivery: Delivery) -> (String, String) {
        let (to, buffer) = pipe();
        let mut writer = AnswerOutput { format, delivery }.writer(to);
        for piece in ANSWER {
            writer.write_all(piece.as_bytes()).and_then(|()| writer.flush()).unwrap();
        }
        let before = buffer.take();
        writer.end_answer().unwrap();
        (before, buffer.take())
    }

    #[test]
    fn an_answer_as_source_goes_out_as_it_comes() {
        assert_eq!(written(AnswerFormat::Source, Delivery::Streamed), (ANSWER.concat(), String::new()));
    }

    #[test]
    fn an_answer_that_is_not_streamed_goes_out_at_its_end() {
        assert_eq!(written(AnswerFormat::Source, Delivery::Whole), (String::new(), ANSWER.concat()));
    }

    #[test]
    fn finished_blocks_of_markdown_are_drawn_at_once() {
        let (before, after) = written(AnswerFormat::Markdown(ColorLevel::Monochrome), Delivery::Streamed);
        assert!(before.starts_with("one\n") && before.contains("ls\n"), "{before:?}");
        assert!(!(before + &after).contains('`'));
    }

    #[test]
    fn only_a_code_block_is_written_if_it_is_asked_for() {
        let (missing, _) = channel();
        let format = |choice| AnswerFormat::Code(choice, missing.clone());
        assert_eq!(written(format(Choice::First), Delivery::Streamed), (String::new(), "ls\n".to_owned()));
        assert_eq!(written(format(Choice::Last), Delivery::Streamed), (String::new(), "more\n".to_owned()));
    }

    #[test]
    fn an_answer_without_code_is_handed_back() {
        let (missing, handed_back) = channel();
        let format = AnswerFormat::Code(Choice::First, missing);
        let mut writer = AnswerOutput { format, delivery: Delivery::Streamed }.writer(io::sink());
        writer.write_all(b"no code").and_then(|()| writer.end_answer()).unwrap();
        assert_eq!(handed_back.try_recv().as_deref(), Ok("no code"));
    }
}
