//! All texts of the interface that depend on its language. A language that lacks one does not compile.

use crate::keys::action::Action;
use crate::session::io::info::InfoMessage;

/// Declares a group of texts, and of functions that make texts of values.
macro_rules! strings {
    ($(
        $(#[$attribute:meta])*
        $group:ident { $($text:ident),* $(,)? } { $($function:ident($($argument:ty),*)),* $(,)? }
    )+) => {$(
        $(#[$attribute])*
        #[derive(Debug)]
        #[expect(missing_docs, reason = "the English texts explain them")]
        pub struct $group {
            $(pub $text: &'static str,)*
            $(pub $function: fn($($argument),*) -> String,)*
        }

        #[cfg(test)]
        impl $group {
            /// Returns the texts with their names, those of functions for sample values.
            pub(super) fn texts(&self) -> Vec<(&'static str, String)> {
                vec![
                    $((stringify!($text), self.$text.to_owned()),)*
                    $((stringify!($function), (self.$function)($(<$argument as Sample>::SAMPLE),*)),)*
                ]
            }
        }
    )+};
}

/// A value for the texts of functions: without letters, and not 1.
#[cfg(test)]
trait Sample {
    const SAMPLE: Self;
}

#[cfg(test)]
macro_rules! samples {
    ($($number:ty)+) => {$(
        impl Sample for $number {
            const SAMPLE: Self = 7;
        }
    )+};
}

#[cfg(test)]
samples! { u8 u32 u64 usize i32 }

#[cfg(test)]
impl Sample for Action {
    const SAMPLE: Self = Self::Mute;
}

#[cfg(test)]
impl Sample for &InfoMessage {
    const SAMPLE: Self = &InfoMessage::Cleared;
}

#[cfg(test)]
impl Sample for &str {
    const SAMPLE: Self = "7";
}

strings! {
    /// States of the connection and of the turn.
    StateStrings {
        connecting, configuring, connected, reconnecting, closing, closed, listening, you_speak, your_turn,
        thinking, answering, muted, hearing, waiting,
    } { for_seconds(&str, u64) }

    /// The header: the microphone, and the facts of the call with their short forms.
    HeaderStrings {
        live, muted, muted_closed, no_microphone, microphone_off, no_speaker, demo, per_minute, server_vad,
        server_vad_short, semantic_vad, semantic_vad_short, local_vad, local_vad_short, push_to_talk,
        push_to_talk_short,
    } {
        delay(&str), slow(&str), volume(u8), volume_short(u8), profile(&str), tokens(u64), tokens_short(u64),
    }

    /// Echo control.
    EchoStrings {
        canceller, canceller_short, ducking, ducking_short, half_duplex, half_duplex_short, off,
        canceller_active, ducking_active, half_duplex_active, off_active, residual_echo, little_echo, retry,
    } { false_interruptions(u64) }

    /// Why a call ended.
    EndStrings { call, conversation, captions, interrupted, end_of_input, answered } {
        ended(&str), ended_by_signal(&str, i32), ended_idle(&str), ended_cost(&str), server_ended(&str),
        server_ended_because(&str, &str), refused(&str), connection_lost(&str), with_facts(&str, &str),
    }

    /// Tokens, cost and latency.
    UsageStrings { unknown_cost, unknown_cost_short, unknown_usage, separator } {
        over_cost(&str), usage(&str), input_tokens(u64), output_tokens(u64), total_tokens(u64),
        response(&str), response_local(&str, &str), percentiles(&str, &str), responses(usize, &str),
        responses_local(&str, &str),
    }

    /// The conversation.
    ConversationStrings {
        you, assistant, you_earlier, not_heard, interrupted, unfinished, answer_interrupted, microphone,
        very_soft, too_loud, placeholder, type_and_press_enter, captions_appear, speak_or_type, demo_speak_or_type,
    } {
        labelled(&str), more_below(usize), new_below(u64), not_heard_text(&str), interrupted_after(&str),
        interrupted_after_not_heard(&str, &str), mark(u32, &str), hold_to_speak(&str), press_to_speak(&str),
    }

    /// Microphone and speaker.
    DeviceStrings {
        microphone, speaker, microphones, speakers, system_default, searching, none_found, in_use, title, hint,
        cannot_be_heard, no_audio_played,
    } {
        named(&str, &str), substitute(&str, &str), lost(&str, &str, &str), back(&str, &str), changed(&str, &str),
        closed(&str), silent(&str, &str), works(&str), refused(&str, &str), default_device(&str),
    }

    /// Messages about typing, searching, copying and saving.
    NoteStrings {
        hold_ended, no_speaker, find_needs_words, no_file, copied,
        no_answer, no_code, too_long_to_copy, no_more_matches, nothing_to_save,
    } {
        error(&str), no_more_above(&str), not_in_conversation(&str), text_limit(usize, usize), searching(&str),
        saved(&str), kept(&str), text_cleared(&str), leave_announced(&str, &str), search_keys(&str), info(&InfoMessage),
    }

    /// Lines instead of a screen.
    PlainStrings { speak_now, not_your_turn, microphone_muted, microphone_live, type_text, manual_turns } {
        error(&str), connected_to(&str), marks(&str),
    }

    /// What a key does, in the row of hints.
    HintStrings {
        end, leave, help, stop, send, new_line, commands, mute, unmute, mark, scroll, microphone,
        release_to_end, hold_to_talk, end_turn, speak,
    } {}

    /// The help.
    HelpStrings {
        keys, commands, hint, hint_filtered, none_found, call, text, window, hold_to_talk, press_to_talk,
        choose_microphone, scroll, arrows, type_command,
    } { action(Action) }

    /// The panels.
    PanelStrings { settings, latency, events, events_paused, event, settings_hint, close_hint, latency_hint, events_hint, filter_hint, event_hint, voice, volume, speed, instructions, model, vad_preset, theme, language, now, next_call, new_session, by_endpoint, instructions_changed, no_answer, server_share, client_share, server, client, turn_detected, committed, requested, accepted, first_data, first_audio, first_sample, no_event, standby } { undo_hint(&str), enter_applies(&str), filtered(&str), lost_before(u64), not_kept(usize), speed_changed(u32), theme_changed(&str), preset_changed(&str), language_changed(&str) }

    /// The slash commands.
    CommandStrings {
        help, quit, stop, retry, edit, copy, find, save, clear, system, model, usage, voice, speak, file,
        image, mode, call, mute, unmute, volume, speed, turn, devices, input, output, slash, tone, vad_preset,
        theme, ui_lang, settings, latency, events, file_argument, text_argument,
        words_argument, name_argument, percent_argument, factor_argument,
    } {
        unknown(&str), did_you_mean(&str, &str), needs_call(&str), needs_screen(&str), needs_modes(&str), takes_nothing(&str),
        needs_argument(&str, &str), takes_one_of(&str, &str), needs_percent(&str), needs_factor(&str),
    }

    /// The two modes of a call's screen.
    ModeStrings {
        call, text, hang_up, no_call, not_connected, off, connecting, answering, open, news,
    } {
        other(&str, &str), press_to_call(&str), with_text(&str), clear_announced(&str), no_call_note(&str, &str),
    }

    /// The start screen.
    StartStrings {
        endpoint, microphone, speaker, searching, start_call, chat, caption, demo, demo_call, demo_chat,
        demo_caption, list_commands, leave,
    } { missing(&str), model(&str), profile(&str) }
}

/// The texts of one language.
#[derive(Debug)]
#[expect(missing_docs, reason = "the types explain them")]
pub struct Strings {
    pub states: StateStrings,
    pub header: HeaderStrings,
    pub echo: EchoStrings,
    pub end: EndStrings,
    pub usage: UsageStrings,
    pub conversation: ConversationStrings,
    pub devices: DeviceStrings,
    pub notes: NoteStrings,
    pub plain: PlainStrings,
    pub hints: HintStrings,
    pub help: HelpStrings,
    pub panels: PanelStrings,
    pub commands: CommandStrings,
    pub start: StartStrings,
    pub modes: ModeStrings,
}

#[cfg(test)]
impl Strings {
    /// Returns all texts with their names.
    pub(super) fn texts(&self) -> Vec<(&'static str, String)> {
        [
            self.states.texts(),
            self.header.texts(),
            self.echo.texts(),
            self.end.texts(),
            self.usage.texts(),
            self.conversation.texts(),
            self.devices.texts(),
            self.notes.texts(),
            self.plain.texts(),
            self.hints.texts(),
            self.help.texts(),
            self.panels.texts(),
            self.commands.texts(),
            self.start.texts(),
            self.modes.texts(),
        ]
        .concat()
    }
}
