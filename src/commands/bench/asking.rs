//! Question benchmark: asks short questions in a call and records the latency of the answers.

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
use crate::call::connections::wire::Wire;
use crate::call::driver::audio_start::start_audio;
use crate::call::driver::level_meters::LevelMeters;
use crate::call::driver::{CallDriver, Consumer};
use crate::call::memory::CallMemory;
use crate::call::presenter::{Presenter, start_console};
use crate::call::setup::target::Target;
use crate::commands::exit_code;
use crate::error::{Error, Kind};
use crate::protocol::value::FieldUpdate as Field;
use crate::session::Session;
use crate::session::io::delay::Delay;
use crate::session::io::{EndReason, Handshake, Input, Limit, Notice, TurnState, UserCommand};
use crate::session::plan::CallLimits;
use crate::session::plan::Plan;
use crate::ui::output::presenter::NoticeWriter;
use crate::ui::output::presenter::Verbatim;

/// Capacity of the command channel; questions are sent one at a time.
const COMMANDS: usize = 4;

/// Timeout without any event of the endpoint.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pause between two questions, in which the speaker stops.
const PAUSE: Duration = Duration::from_millis(150);
/// Increment of each pause, so that questions do not align with a device's blocks.
const ODD: Duration = Duration::from_millis(7);

/// Questions, and the audio device of the answers.
pub(super) struct Questions {
    /// Number of questions, at least one.
    pub(super) count: u32,
    /// Output for answers; the microphone is not used.
    pub(super) sound: AudioOptions,
}

/// Asks in a call like that of `talk`. Each answer is stopped when its playback starts.
///
/// # Errors
///
/// If the call fails, or the endpoint does not answer.
pub(super) async fn ask(
    target: Target,
    plan: Plan,
    (questions, clock): (Questions, Clock),
) -> Result<Vec<Delay>, Error> {
    let mut plan = plan;
    // With manual turns, no microphone audio is sent.
    plan.settings.turn_detection = Field::Clear;
    plan.opening = vec![question(1)];
    plan.limits = CallLimits { idle: Some(PATIENCE), cost_usd: None };
    plan.unix_start = clock.unix_start();
    let audio = start_audio(Some(questions.sound)).await?;
    let link = connect(&target, Handshake::Default).await?.link;
    let (commands, commands_rx) = mpsc::channel(COMMANDS);
    let asked = Rc::new(RefCell::new(QuestionResults::default()));
    let count = questions.count;
    let asker =
        QuestionPresenter { count, commands, asked: Rc::clone(&asked), clock, step: QuestionStep::Answered };
    // The presenter writes nothing.
    let console = start_console(Verbatim(io::sink()), io::sink())?;
    let mut driver = CallDriver {
        session: Session::new(plan),
        wire: Wire { connections: Connections::new(target, link), trace: None, clock },
        audio,
        feed: None,
        presenter: Presenter::Lines { writer: Box::new(asker), console, progress: None, model: None },
        commands: commands_rx,
        piped: None,
        clock,
        counters: StreamCounters::default(),
        reader: Consumer::default(),
        // No device is chosen here.
        memory: CallMemory { path: None, profile: String::new() },
        recorder: None,
        to_open: None,
        openings: 1,
        starting: None,
        stops_answer: None,
        levels: LevelMeters::default(),
        muted: false,
        other: None,
    };
    let reason = driver.drive(Input::Opened).await?;
    let reason = driver.finish(reason, None).await?;
    let QuestionResults { delays, trouble } = asked.take();
    if let Some(trouble) = trouble {
        return Err(Error::say(Kind::Server, trouble));
    }
    if reason == EndReason::Limit(Limit::Idle) {
        return Err(Error::say(Kind::Server, "the endpoint did not answer a question"));
    }
    exit_code(reason).map(|_| delays)
}

fn question(number: u32) -> String {
    format!("Say the number {number} and nothing else.")
}

/// Results of the questions.
#[derive(Default)]
struct QuestionResults {
    delays: Vec<Delay>,
    trouble: Option<String>,
}

/// Presenter that measures and sends the next question.
struct QuestionPresenter {
    count: u32,
    commands: mpsc::Sender<UserCommand>,
    asked: Rc<RefCell<QuestionResults>>,
    clock: Clock,
    step: QuestionStep,
}

/// Awaited event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum QuestionStep {
    /// An answer.
    Answered,
    /// The end of this question's playback.
    Silent(u32),
}

impl QuestionPresenter {
    fn command(&self, command: UserCommand) {
        // The channel has room; after the end of the call, commands are dropped.
        let _ = self.commands.try_send(command);
    }

    fn ask_later(&self, number: u32) {
        let (commands, clock) = (self.commands.clone(), self.clock);
        tokio::task::spawn_local(async move {
            clock.wait_until(Some(clock.now() + PAUSE + ODD * number)).await;
            // Dropped after the end of the call.
            let _ = commands.send(UserCommand::Say(question(number))).await;
        });
    }
}

impl NoticeWriter for QuestionPresenter {
    #[expect(clippy::wildcard_enum_match_arm, reason = "only measured notices matter")]
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
