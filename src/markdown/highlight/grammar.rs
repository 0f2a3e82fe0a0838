//! The grammars of Sublime Text that bat collects, read by syntect.

use syntect::easy::ScopeRegionIterator;
use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxSet};

use crate::markdown::highlight::HighlightedPart;
use crate::markdown::style::Token;

/// Whether there are grammars.
pub(super) const AVAILABLE: bool = true;

/// What scopes mean. The innermost scope with a prefix in this table counts, and its longest prefix.
const SCOPES: &[(&str, Token)] = &[
    ("comment", Token::Comment),
    ("constant", Token::Constant),
    ("entity.name.class", Token::Type),
    ("entity.name.enum", Token::Type),
    ("entity.name.function", Token::Function),
    ("entity.name.macro", Token::Function),
    ("entity.name.namespace", Token::Type),
    ("entity.name.section", Token::Type),
    ("entity.name.struct", Token::Type),
    ("entity.name.tag", Token::Type),
    ("entity.name.trait", Token::Type),
    ("entity.name.type", Token::Type),
    ("keyword", Token::Keyword),
    ("keyword.operator", Token::Plain),
    ("keyword.operator.word", Token::Keyword),
    ("markup.deleted", Token::Deleted),
    ("markup.heading", Token::Type),
    ("markup.inserted", Token::Inserted),
    ("storage", Token::Keyword),
    ("string", Token::String),
    ("support.class", Token::Type),
    ("support.constant", Token::Constant),
    ("support.function", Token::Function),
    ("support.macro", Token::Function),
    ("support.type", Token::Type),
    ("variable.function", Token::Function),
];

/// All grammars.
pub(super) struct Grammars {
    syntaxes: SyntaxSet,
    /// The longest prefixes first.
    scopes: Vec<(Scope, Token)>,
}

/// A block that is being highlighted.
pub(super) struct HighlightState {
    state: ParseState,
    stack: ScopeStack,
}

impl Grammars {
    pub(super) fn load() -> Self {
        let mut scopes: Vec<(Scope, Token)> =
            SCOPES.iter().filter_map(|(name, token)| Some((Scope::new(name).ok()?, *token))).collect();
        scopes.sort_by_key(|(scope, _)| std::cmp::Reverse(scope.len()));
        Self { syntaxes: two_face::syntax::extra_newlines(), scopes }
    }

    /// Begins a block, if there is a grammar of this name or file extension.
    pub(super) fn begin(&self, language: &str) -> Option<HighlightState> {
        let syntax = self.syntaxes.find_syntax_by_token(language)?;
        Some(HighlightState { state: ParseState::new(syntax), stack: ScopeStack::new() })
    }

    /// Returns the parts of the next line; none if the grammar fails.
    pub(super) fn line(&self, block: &mut HighlightState, line: &str) -> Vec<HighlightedPart> {
        let text = format!("{line}\n");
        let Ok(operations) = block.state.parse_line(&text, &self.syntaxes) else { return Vec::new() };
        let mut parts: Vec<HighlightedPart> = Vec::new();
        for (region, operation) in ScopeRegionIterator::new(&operations, &text) {
            if block.stack.apply(operation).is_err() {
                return Vec::new();
            }
            let length = region.trim_end_matches('\n').len();
            match (self.token(&block.stack), parts.last_mut()) {
                _ if length == 0 => {}
                (token, Some((last, sum))) if *last == token => *sum += length,
                (token, _) => parts.push((token, length)),
            }
        }
        parts
    }

    fn token(&self, stack: &ScopeStack) -> Token {
        let of_scope = |scope: &Scope| {
            self.scopes.iter().find(|(prefix, _)| prefix.is_prefix_of(*scope)).map(|(_, token)| *token)
        };
        stack.as_slice().iter().rev().find_map(of_scope).unwrap_or_default()
    }
}
