//! Asks an endpoint short questions in a call of its own, and keeps how long the answers took.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::audio::api::StreamCounters;
use crate::audio::options::AudioOptions;
use crate::call::clock::Clock;
use crate::call::connect::connect;
use crate::call::connections::Connections;
use crate::call::device_memory::DeviceMemory;
use crate::call::driver::{CallDriver, Consumer};
use crate::call::presenter::{Presenter, start_console};
use crate::call::run::start_sound;
use crate::call::setup::target::Target;
use crate::commands::exit_code;
use crate::error::{Error, Kind};
use crate::protocol::value::FieldUpdate as Field;
use crate::session::Session;
use crate::session::io::delay::Delay;
use crate::session::io::{EndReason, Handshake, Limit, Notice, TurnState, UserCommand};
use crate::session::metering::limits::CallLimits;
use crate::session::plan::Plan;
use crate::ui::output::presenter::NoticeWriter;

/// How many commands may wait; one is said at a time.
const COMMANDS: usize = 4;

/// How long an endpoint may say nothing at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it is silent between two questions: a speaker that is being stopped takes nothing new.
const PAUSE: Duration = Duration::from_millis(150);
/// How much longer each pause is than the one before, so that questions do not keep step with a device's blocks.
const ODD: Duration = Duration::from_millis(7);

/// What is asked, and where the answers go.
pub(super) struct Questions {
    /// How many, at least one.
    pub(super) count: u32,
    /// Where the answers are heard; the microphone is not.
    pub(super) sound: AudioOptions,
}

/// Asks in a call as `talk` holds it. Each answer is stopped as soon as it begins to be heard.
///
/// # Errors
///
/// When the call cannot be held, or the endpoint does not answer.
pub(super) async fn ask(
    target: Target,
    plan: Plan,
    (questions, clock): (Questions, Clock),
) -> Result<Vec<Delay>, Error> {
    let mut plan = plan;
    // Nothing of the microphone is sent where turns are ended by hand.
    plan.settings.turn_detection = Field::Clear;
    plan.opening = vec![question(1)];
    plan.limits = CallLimits { idle: Some(PATIENCE), cost_usd: None };
    plan.unix_start = clock.unix_start();
    let audio = start_sound(Some(questions.sound)).await?;
    let link = connect(&target, Handshake::Default).await?.link;
    let (commands, commands_rx) = mpsc::channel(COMMANDS);
    let asked = Rc::new(RefCell::new(QuestionResults::default()));
    let count = questions.count;
    let asker =
        QuestionPresenter { count, commands, asked: Rc::clone(&asked), clock, step: QuestionStep::Answered };
    // The asker writes nothing.
    let console = start_console(io::sink(), io::sink())?;
    let drive = CallDriver {
        session: Session::new(plan),
        phone: Connections::new(target, link),
        audio,
        feed: None,
        face: Presenter::Lines { front: Box::new(asker), console },
        trace: None,
        commands: commands_rx,
        piped: None,
        clock,
        counts: StreamCounters::default(),
        reader: Consumer::default(),
        // Nobody chooses a device here.
        remember: DeviceMemory { path: None, profile: String::new() },
        trace_failure: None,
    };
    let reason = drive.run().await?;
    let QuestionResults { delays, trouble } = asked.take();
    if let Some(trouble) = trouble {
        return Err(Error::say(Kind::Server, trouble));
    }
    match reason {
        EndReason::Limit(Limit::Idle) => {
            Err(Error::say(Kind::Server, "the endpoint did not answer a question"))
        }
        reason @ (EndReason::User
        | EndReason::Signal(_)
        | EndReason::InputEnded
        | EndReason::Answered
        | EndReason::Limit(Limit::Cost)
        | EndReason::ServerClosed(_)
        | EndReason::NoInput(_)
        | EndReason::Unanswered(_)
        | EndReason::Refused(_)
        | EndReason::Lost(_)) => exit_code(reason).map(|_| delays),
    }
}

fn question(number: u32) -> String {
    format!("Say the number {number} and nothing else.")
}

/// What came of the questions.
#[derive(Default)]
struct QuestionResults {
    delays: Vec<Delay>,
    trouble: Option<String>,
}

/// Watches the call as a user would, and asks on.
struct QuestionPresenter {
    count: u32,
    commands: mpsc::Sender<UserCommand>,
    asked: Rc<RefCell<QuestionResults>>,
    clock: Clock,
    step: QuestionStep,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum QuestionStep {
    /// An answer.
    Answered,
    /// That this one, which has begun, is silent.
    Silent(u32),
}

impl QuestionPresenter {
    fn command(&self, command: UserCommand) {
        // There is room; after the end of the call nobody takes it.
        let _ = self.commands.try_send(command);
    }

    fn ask_later(&self, number: u32) {
        let (commands, clock) = (self.commands.clone(), self.clock);
        tokio::task::spawn_local(async move {
            clock.wait_until(Some(clock.now() + PAUSE + ODD * number)).await;
            // After the end of the call nobody takes it.
            let _ = commands.send(UserCommand::Say(question(number))).await;
        });
    }
}

impl NoticeWriter for QuestionPresenter {
    #[expect(clippy::wildcard_enum_match_arm, reason = "a bench looks at what it measures")]
    fn notice(&mut self, _: Duration, notice: &Notice) -> io::Result<()> {
        match notice {
            Notice::Delay(report) => {
                self.asked.borrow_mut().delays.push(report.last);
                let answered = u32::try_from(report.all.answers).unwrap_or(u32::MAX);
                self.step = QuestionStep::Silent(answered);
                let is_last = answered >= self.count;
                self.command(if is_last {
                    UserCommand::HangUp(EndReason::User)
                } else {
                    UserCommand::Interrupt
                });
            }
            Notice::Turn(TurnState::Listening) => {
                if let QuestionStep::Silent(answered) = self.step {
                    self.step = QuestionStep::Answered;
                    self.ask_later(answered + 1);
                }
            }
            Notice::Error { message, .. } => {
                self.asked.borrow_mut().trouble.get_or_insert_with(|| message.clone());
                self.command(UserCommand::HangUp(EndReason::User));
            }
            _ => {}
        }
        Ok(())
    }
}
