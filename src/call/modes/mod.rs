//! Voice and text in one program: two sessions, each with its own connection, on one screen.

pub(crate) mod session_link;

use std::convert::Infallible;
use std::pin::pin;

use tokio::sync::{mpsc, watch};

use crate::call::clock::Clock;
use crate::call::connections::Connections;
use crate::call::connections::wire::Wire;
use crate::call::driver::CallDriver;
use crate::call::kept::recorder::ConversationRecorder;
use crate::call::modes::session_link::SessionLink;
use crate::call::presenter::Presenter;
use crate::call::run::{COMMANDS, Call, CallStart};
use crate::call::setup::theme;
use crate::call::signals::Signals;
use crate::call::trace::SharedTrace;
use crate::error::Error;
use crate::session::Session;
use crate::session::io::setting::Preference;
use crate::session::io::{ConnectionState, EndReason, Input, Limit, UserCommand};
use crate::session::plan::Plan;
use crate::ui::model::{CallInfo, Model};
use crate::ui::terminal::ScreenPane;

/// The conversation in writing next to a call.
pub(crate) struct TextMode {
    pub(crate) plan: Plan,
    /// Keeps the conversation in a file.
    pub(crate) recorder: Option<ConversationRecorder>,
}

/// Runs a call and a conversation in writing until the program is left, and returns why.
///
/// # Errors
///
/// If the call cannot begin, or its output cannot be written.
pub(crate) async fn run(
    mut call: Call<'_>,
    text: TextMode,
    (clock, signals): (Clock, &Signals),
) -> Result<EndReason, Error> {
    text.recorder.as_ref().map_or(Ok(()), ConversationRecorder::prepare)?;
    let mut model = Model::new(info(&call));
    model.connection = ConnectionState::Disconnected;
    let (model, watched) = watch::channel(model);
    let (screen_commands, from_text) = mpsc::channel(COMMANDS);
    let pane = ScreenPane { model: watched, commands: screen_commands };
    let (mut begun, _stderr) = call.begin((clock, signals), Some(pane))?;
    let (to_call, call_commands) = mpsc::channel(COMMANDS);
    let from_call = std::mem::replace(&mut begun.commands_rx, call_commands);
    let (to_text, text_commands) = mpsc::channel(COMMANDS);
    let (call_link, text_link) = SessionLink::pair();
    let session = Session::new(Plan { unix_start: clock.unix_start(), ..text.plan });
    let wire = Wire {
        connections: Connections::closed(call.target.clone()),
        trace: begun.trace.as_ref().map(SharedTrace::of_text_mode),
        tap: begun.tap.clone(),
        clock,
    };
    let presenter = Presenter::on_shared_screen(model);
    let mut written = CallDriver {
        recorder: text.recorder,
        other: Some(text_link),
        ..CallDriver::new((session, wire), presenter, text_commands, call.memory.clone())
    };
    let voice = async {
        Ok::<_, Error>(match call.start(begun, Some(call_link)).await? {
            CallStart::Ended(reason) => (reason, None),
            CallStart::Live(mut driver) => (driver.drive(Input::Opened).await?, Some(driver)),
        })
    };
    let text = async {
        let reason = written.drive(Input::Tick).await?;
        Ok::<_, Error>((reason, written.kept()))
    };
    let forwarding = forward_commands((from_call, to_call.clone()), (from_text, to_text.clone()));
    let (mut voice, mut text, mut forwarding) = (pin!(voice), pin!(text), pin!(forwarding));
    let ((reason, driver), (_, kept)) = tokio::select! {
        ended = &mut voice => {
            let ended = ended?;
            end_other(&to_text, &ended.0);
            tokio::select! {
                text = &mut text => (ended, text?),
                never = &mut forwarding => match never {},
            }
        }
        ended = &mut text => {
            let ended = ended?;
            end_other(&to_call, &ended.0);
            tokio::select! {
                voice = &mut voice => (voice?, ended),
                never = &mut forwarding => match never {},
            }
        }
        never = &mut forwarding => match never {},
    };
    match driver {
        Some(driver) => driver.finish(reason, kept).await,
        None => Ok(reason),
    }
}

/// Returns the facts about the conversation in writing.
fn info(call: &Call<'_>) -> CallInfo {
    CallInfo {
        endpoint: call.target.name.clone(),
        profile: call.memory.profile.clone(),
        demo: call.target.is_demo(),
        text_only: true,
        has_modes: true,
        language: theme::language(call.display),
        ..CallInfo::default()
    }
}

/// Ends the other session too. At the cost limit it ends by itself, after the answer in progress.
fn end_other(commands: &mpsc::Sender<UserCommand>, reason: &EndReason) {
    if *reason != EndReason::Limit(Limit::Cost) {
        // A full or closed channel belongs to a session that is ending.
        let _ = commands.try_send(UserCommand::HangUp(reason.clone()));
    }
}

/// Forwards commands of the screen and of signals; the end of the program and the look of the screen concern both
/// sessions.
async fn forward_commands(
    (mut from_call, to_call): (mpsc::Receiver<UserCommand>, mpsc::Sender<UserCommand>),
    (mut from_text, to_text): (mpsc::Receiver<UserCommand>, mpsc::Sender<UserCommand>),
) -> Infallible {
    loop {
        let (command, own, other) = tokio::select! {
            Some(command) = from_call.recv() => (command, &to_call, &to_text),
            Some(command) = from_text.recv() => (command, &to_text, &to_call),
            else => std::future::pending().await,
        };
        let concerns_both = matches!(
            command,
            UserCommand::HangUp(_) | UserCommand::Prefer(Preference::Theme | Preference::Language, _)
        );
        if concerns_both {
            // A session that does not take it is ending.
            let _ = other.try_send(command.clone());
        }
        let _ = own.send(command).await;
    }
}
