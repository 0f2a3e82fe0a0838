//! The two dialects, and how to tell them apart by what a server shows.

/// Which names and shapes are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// The generally available protocol: nested `session.audio`, `response.output_audio.delta`.
    #[default]
    Ga,
    /// The protocol of `OpenAI-Beta: realtime=v1`: flat session, `response.audio.delta`.
    Beta,
}

impl Dialect {
    /// Returns the word used in flags and in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ga => "ga",
            Self::Beta => "beta",
        }
    }
}
