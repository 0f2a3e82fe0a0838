//! Rows of one entry of the conversation, laid out once per change and width.

use std::ops::Range;
use std::sync::Arc;

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::markdown::document::Document;
use crate::markdown::wrap::{width, wrap};
use crate::ui::model::{SpeakerRole, TurnEntry};
use crate::ui::text::language::strings::ConversationStrings;
use crate::ui::view::conversation::markdown::{self, TextPosition};
use crate::ui::view::row::line_width;
use crate::ui::view::theme::Theme;

/// Bar at the left of every row of an utterance, and its space.
const BAR: &str = "▌ ";

/// Mark of a notice, as wide as the bar.
const NOTICE_MARK: &str = "· ";

/// Sign of a marked place, as wide as the bar.
const PLACE_MARK: &str = "► ";

/// Columns of the bar or mark.
pub(super) const BAR_WIDTH: usize = 2;

/// An entry and its layout.
#[derive(Debug)]
pub(super) struct EntryRows {
    entry: Arc<TurnEntry>,
    height: usize,
    suffix: Option<(&'static str, SuffixPlace)>,
    /// None after [`Self::drop_body`].
    body: Option<Body>,
    /// Frame that last drew the entry.
    pub(super) drawn_in: u64,
}

/// Where the words behind the text stand.
#[derive(Clone, Copy, Debug)]
enum SuffixPlace {
    /// In the last row of the text.
    Behind,
    /// In a row of their own.
    Below,
}

/// Laid-out text of an entry.
#[derive(Debug)]
enum Body {
    /// Text of the user or of a notice: the range of each row.
    Plain(Vec<Range<usize>>),
    /// Text of the assistant, and where the unheard part begins.
    Markdown(Box<Document>, Option<TextPosition>),
}

impl EntryRows {
    /// Lays out an entry.
    pub(super) fn new(
        entry: &Arc<TurnEntry>,
        columns: usize,
        (theme, words): (&Theme, &ConversationStrings),
    ) -> Self {
        let mut rows = Self { entry: Arc::clone(entry), height: 0, suffix: None, body: None, drawn_in: 0 };
        rows.lay_out(columns, (theme, words));
        rows
    }

    /// Brings the rows up to date with a change of the entry. Text that was appended costs only itself.
    pub(super) fn update(
        &mut self,
        entry: &Arc<TurnEntry>,
        columns: usize,
        (theme, words): (&Theme, &ConversationStrings),
    ) {
        if !Arc::ptr_eq(&self.entry, entry) {
            if self.entry.is_final {
                // A finished document cannot grow.
                self.body = None;
            }
            self.entry = Arc::clone(entry);
            self.lay_out(columns, (theme, words));
        }
    }

    /// Returns the number of rows.
    pub(super) fn height(&self) -> usize {
        self.height
    }

    /// Frees the layout, but not the height.
    pub(super) fn drop_body(&mut self) {
        self.body = None;
    }

    /// Returns some of the rows.
    pub(super) fn rows(
        &mut self,
        range: Range<usize>,
        columns: usize,
        (theme, clock, words): (&Theme, &str, &ConversationStrings),
    ) -> Vec<Line<'static>> {
        if self.body.is_none() {
            self.lay_out(columns, (theme, words));
        }
        let label = self.label(columns, (theme, clock, words));
        let above = label.iter().len();
        let mut rows: Vec<_> = label.into_iter().skip(range.start).take(range.len()).collect();
        rows.extend(self.text(range.start.saturating_sub(above)..range.end.saturating_sub(above), theme));
        if let Some((suffix, place)) = self.suffix.filter(|_| range.end == self.height) {
            let suffix = Span::styled(suffix, theme.dim);
            match (place, rows.last_mut()) {
                (SuffixPlace::Behind, Some(last)) => last.spans.extend([Span::raw(" "), suffix]),
                (SuffixPlace::Behind | SuffixPlace::Below, _) => rows.push(Line::from(suffix)),
            }
        }
        let (first, other, style) = match self.entry.speaker {
            SpeakerRole::User => (BAR, BAR, theme.user),
            SpeakerRole::Assistant => (BAR, BAR, theme.assistant),
            SpeakerRole::Program => (NOTICE_MARK, "  ", theme.dim),
            SpeakerRole::Captioned => ("  ", "  ", theme.dim),
            SpeakerRole::Mark => (PLACE_MARK, "  ", theme.strong),
        };
        for (at, row) in rows.iter_mut().enumerate() {
            let mark = if range.start + at == 0 { first } else { other };
            row.spans.insert(0, Span::styled(mark, style));
        }
        rows
    }

    fn lay_out(&mut self, columns: usize, (theme, words): (&Theme, &ConversationStrings)) {
        let entry = &self.entry;
        let body = match entry.speaker {
            SpeakerRole::User | SpeakerRole::Program | SpeakerRole::Captioned | SpeakerRole::Mark => {
                Body::Plain(wrap(entry.text.trim_end(), columns))
            }
            SpeakerRole::Assistant => {
                let layout = markdown::layout(columns, theme);
                let mut document = match self.body.take() {
                    Some(Body::Markdown(document, _)) if entry.text.starts_with(document.source()) => {
                        document
                    }
                    Some(Body::Plain(_) | Body::Markdown(..)) | None => Box::new(markdown::document(theme)),
                };
                let known = document.source().len();
                document.push(&entry.text[known..]);
                if entry.is_final {
                    document.finish();
                }
                document.lay_out(&layout);
                let unheard = entry.unplayed_from();
                let is_cut = unheard < entry.text.len();
                let cut = is_cut.then(|| markdown::unheard_from(&document, &entry.text[..unheard], &layout));
                Body::Markdown(document, cut)
            }
        };
        self.body = Some(body);
        let text_rows = self.text_rows();
        let last_width: usize =
            self.text(text_rows.saturating_sub(1)..text_rows, theme).iter().map(line_width).sum();
        self.suffix = suffix(&self.entry, words).map(|suffix| {
            let fits = text_rows > 0 && last_width + 1 + width(suffix) <= columns;
            (suffix, if fits { SuffixPlace::Behind } else { SuffixPlace::Below })
        });
        let below = usize::from(matches!(self.suffix, Some((_, SuffixPlace::Below))));
        self.height = usize::from(self.has_label()) + text_rows + below;
    }

    fn has_label(&self) -> bool {
        match self.entry.speaker {
            SpeakerRole::User | SpeakerRole::Assistant => true,
            SpeakerRole::Program | SpeakerRole::Captioned | SpeakerRole::Mark => false,
        }
    }

    /// Returns the row that names the side; notices and captions have none.
    fn label(
        &self,
        columns: usize,
        (theme, clock, words): (&Theme, &str, &ConversationStrings),
    ) -> Option<Line<'static>> {
        let (name, style) = match self.entry.speaker {
            SpeakerRole::User => (words.you, theme.user),
            SpeakerRole::Assistant => (words.assistant, theme.assistant),
            SpeakerRole::Program | SpeakerRole::Captioned | SpeakerRole::Mark => return None,
        };
        let mut line = Line::from(Span::styled(name, style.patch(theme.strong)));
        let gap = columns.saturating_sub(width(name) + width(clock));
        if gap > 1 {
            line.push_span(Span::styled(format!("{:gap$}{clock}", ""), theme.dim));
        }
        Some(line)
    }

    fn text_rows(&self) -> usize {
        match &self.body {
            Some(Body::Plain(_)) if self.entry.text.trim().is_empty() => 0,
            Some(Body::Plain(rows)) => rows.len(),
            Some(Body::Markdown(document, _)) => document.line_count(),
            None => 0,
        }
    }

    fn text(&self, range: Range<usize>, theme: &Theme) -> Vec<Line<'static>> {
        let style = match self.entry.speaker {
            SpeakerRole::User | SpeakerRole::Assistant => Style::new(),
            SpeakerRole::Captioned if !self.entry.is_final => Style::new(),
            SpeakerRole::Captioned | SpeakerRole::Mark => theme.strong,
            SpeakerRole::Program => theme.dim,
        };
        match &self.body {
            Some(Body::Plain(rows)) => {
                let rows = rows.iter().skip(range.start).take(range.len());
                rows.map(|row| Line::from(Span::styled(self.entry.text[row.clone()].to_owned(), style)))
                    .collect()
            }
            Some(Body::Markdown(document, unheard)) => {
                let rows = range.clone().zip(document.lines_from(range.start));
                let struck = |row| match unheard {
                    Some((cut, from)) if row == *cut => Some(*from),
                    Some((cut, _)) if row > *cut => Some(0),
                    Some(_) | None => None,
                };
                rows.map(|(row, line)| markdown::line(line, struck(row), theme)).collect()
            }
            None => Vec::new(),
        }
    }
}

/// Returns the words behind the text: not every terminal can strike out.
fn suffix(entry: &TurnEntry, words: &ConversationStrings) -> Option<&'static str> {
    match entry.speaker {
        SpeakerRole::Program | SpeakerRole::Mark => None,
        SpeakerRole::Captioned => (!entry.is_final).then_some("…"),
        SpeakerRole::User | SpeakerRole::Assistant if entry.unplayed_from() < entry.text.len() => {
            Some(words.not_heard)
        }
        SpeakerRole::User | SpeakerRole::Assistant if entry.interrupted => Some(words.interrupted),
        SpeakerRole::User | SpeakerRole::Assistant => entry.text.trim().is_empty().then_some("…"),
    }
}
