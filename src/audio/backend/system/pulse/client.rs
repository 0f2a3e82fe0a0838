//! A connection to a sound server: frames, questions and their answers.
//!
//! The form of what is said is the library's; the socket and the waiting are ours. What a block of sound needs
//! touches no heap and costs one system call each way.

use std::ffi::CString;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use pulseaudio::protocol::{self, AuthParams, AuthReply, Command, CommandReply, Prop, Props, ProtocolError};

/// How long a server may take for an answer, or to take what it asked for.
const PATIENCE: Duration = Duration::from_secs(2);
/// The channel of what is no sound.
const CONTROL: u32 = u32::MAX;
/// How much is read at a time before a stream says otherwise, in bytes.
const ROOM: usize = 16_384;
/// The longest frame, in bytes: PulseAudio's own limit is 16 MiB, and its longest lists come nowhere near this.
const LONGEST: usize = 1 << 20;

/// What can go wrong with a sound server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PulseError {
    /// None runs, as far as can be seen.
    #[error("no sound server is running")]
    NotThere,
    /// It does not take the connection.
    #[error("the sound server does not take the connection ({0})")]
    Connect(#[source] std::io::Error),
    /// It is gone, or has thrown us out.
    #[error("the sound server closed the connection")]
    Closed,
    /// It says nothing.
    #[error("the sound server has not answered for {} s", PATIENCE.as_secs())]
    Hangs,
    /// It says no.
    #[error("the sound server says: {0}")]
    Refused(protocol::PulseError),
    /// It says what nobody understands.
    #[error("the sound server is not understood ({0})")]
    Garbled(String),
}

/// A connection. Dropping it ends all that the server does for it.
pub(crate) struct PulseClient {
    socket: UnixStream,
    version: u16,
    /// The number of the last command.
    last: u32,
    /// What was read, and where in it what was not looked at begins and ends.
    incoming: Vec<u8>,
    begin: usize,
    end: usize,
    outgoing: Vec<u8>,
}

/// How much a look at the socket brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadResult {
    /// All that there was.
    Up,
    /// As much as there was room for; the rest waits.
    BufferFull,
}

/// One frame.
#[derive(Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, on the stack: a box would be a heap call a block"
)]
pub(super) enum ServerMessage<'a> {
    /// Samples of a stream, as bytes.
    Sound(u32, &'a [u8]),
    /// A command or an answer, with its number; what follows an answer is in the bytes.
    Said(u32, Command, &'a [u8]),
    /// What this library does not know.
    Unknown,
}

/// Returns whether a sound server may be there.
pub(super) fn is_there() -> bool {
    pulseaudio::socket_path_from_env().is_some()
}

impl PulseClient {
    /// Connects to the server that the environment names.
    pub(super) fn connect() -> Result<Self, PulseError> {
        let path = pulseaudio::socket_path_from_env().ok_or(PulseError::NotThere)?;
        let socket = UnixStream::connect(path).map_err(PulseError::Connect)?;
        let cookie = pulseaudio::cookie_path_from_env().and_then(|path| std::fs::read(path).ok());
        Self::greet(socket, cookie.unwrap_or_default())
    }

    fn greet(socket: UnixStream, cookie: Vec<u8>) -> Result<Self, PulseError> {
        socket.set_read_timeout(Some(PATIENCE)).map_err(PulseError::Connect)?;
        socket.set_write_timeout(Some(PATIENCE)).map_err(PulseError::Connect)?;
        let mut client = Self {
            socket,
            version: protocol::MAX_VERSION,
            last: 0,
            incoming: vec![0; ROOM],
            begin: 0,
            end: 0,
            outgoing: Vec::new(),
        };
        // Samples in shared memory would have to be read there, which is not possible without unsafe code.
        let auth =
            AuthParams { version: protocol::MAX_VERSION, supports_shm: false, supports_memfd: false, cookie };
        let reply: AuthReply = client.ask(&Command::Auth(auth))?;
        client.version = reply.version.min(protocol::MAX_VERSION);
        if client.version < protocol::MIN_VERSION {
            return Err(PulseError::Garbled(format!("it speaks version {}", client.version)));
        }
        let mut props = Props::new();
        props.set(Prop::ApplicationName, c"rtvoice");
        if let Ok(process) = CString::new(std::process::id().to_string()) {
            props.set(Prop::ApplicationProcessId, process);
        }
        let _: protocol::SetClientNameReply = client.ask(&Command::SetClientName(props))?;
        Ok(client)
    }

    /// Says a command and waits for its answer; what else the server says meanwhile is left out.
    pub(super) fn ask<R: CommandReply>(&mut self, command: &Command) -> Result<R, PulseError> {
        let number = self.say(command)?;
        let version = self.version;
        loop {
            while let Some(message) = self.next()? {
                match message {
                    ServerMessage::Said(said, Command::Reply, rest) if said == number => {
                        return read_reply(rest, version);
                    }
                    ServerMessage::Said(said, Command::Error(error), _) if said == number => {
                        return Err(PulseError::Refused(error));
                    }
                    ServerMessage::Said(..) | ServerMessage::Sound(..) | ServerMessage::Unknown => {}
                }
            }
            self.fill()?;
        }
    }

    /// Says a command and returns its number.
    pub(super) fn say(&mut self, command: &Command) -> Result<u32, PulseError> {
        self.last = self.last.wrapping_add(1);
        self.outgoing.clear();
        protocol::encode_command_message(&mut self.outgoing, self.last, command, self.version)
            .map_err(|error| garbled(&error))?;
        self.send()?;
        Ok(self.last)
    }

    /// Gives samples to a stream.
    pub(super) fn give(&mut self, channel: u32, samples: &[f32]) -> Result<(), PulseError> {
        let length = u32::try_from(size_of_val(samples)).unwrap_or(u32::MAX);
        let flags = protocol::DescriptorFlags::empty();
        let head = protocol::Descriptor { length, channel, offset: 0, flags };
        let mut bytes = [0; protocol::DESCRIPTOR_SIZE];
        protocol::encode_descriptor(&mut bytes, &head);
        self.outgoing.clear();
        self.outgoing.extend_from_slice(&bytes);
        self.outgoing.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        self.send()
    }

    fn send(&mut self) -> Result<(), PulseError> {
        self.socket.write_all(&self.outgoing).map_err(|error| broken(&error))
    }

    /// Makes room for so many bytes at a time.
    pub(super) fn make_room(&mut self, bytes: usize) {
        self.incoming.resize(bytes.clamp(self.end.max(ROOM), LONGEST), 0);
        self.incoming.shrink_to_fit();
        self.outgoing = Vec::with_capacity(bytes);
    }

    /// Reads what there is, and waits for something if there is nothing.
    pub(super) fn fill(&mut self) -> Result<ReadResult, PulseError> {
        self.incoming.copy_within(self.begin..self.end, 0);
        (self.begin, self.end) = (0, self.end - self.begin);
        if self.end == self.incoming.len() {
            // A frame that is longer than all there is room for.
            self.incoming.resize((self.end * 2).min(LONGEST), 0);
        }
        loop {
            return match self.socket.read(&mut self.incoming[self.end..]) {
                Ok(0) => Err(PulseError::Closed),
                Ok(count) => {
                    self.end += count;
                    Ok(if self.end == self.incoming.len() { ReadResult::BufferFull } else { ReadResult::Up })
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => Err(broken(&error)),
            };
        }
    }

    /// Returns the next frame of what was read, if it is whole.
    pub(super) fn next(&mut self) -> Result<Option<ServerMessage<'_>>, PulseError> {
        let Some((mut head, rest)) =
            self.incoming[self.begin..self.end].split_at_checked(protocol::DESCRIPTOR_SIZE)
        else {
            return Ok(None);
        };
        let descriptor = protocol::read_descriptor(&mut head).map_err(|error| garbled(&error))?;
        let length = descriptor.length as usize;
        if length > LONGEST - protocol::DESCRIPTOR_SIZE {
            return Err(PulseError::Garbled(format!("a frame of {length} bytes")));
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        self.begin += protocol::DESCRIPTOR_SIZE + length;
        if descriptor.channel != CONTROL {
            return Ok(Some(ServerMessage::Sound(descriptor.channel, body)));
        }
        let mut unread = body;
        // What cannot be read is a command of a later version, and its frame ends where it says.
        let read = Command::read_tag_prefixed(&mut unread, self.version);
        Ok(Some(
            read.map_or(ServerMessage::Unknown, |(number, command)| {
                ServerMessage::Said(number, command, body)
            }),
        ))
    }
}

impl AsFd for PulseClient {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Reads what an answer holds; `body` is the whole of it.
fn read_reply<R: CommandReply>(body: &[u8], version: u16) -> Result<R, PulseError> {
    // The library reads answers with their heads only.
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let flags = protocol::DescriptorFlags::empty();
    let mut head = [0; protocol::DESCRIPTOR_SIZE];
    protocol::encode_descriptor(
        &mut head,
        &protocol::Descriptor { length, channel: CONTROL, offset: 0, flags },
    );
    let mut whole = head.chain(body);
    let (_, reply) = protocol::read_reply_message(&mut whole, version).map_err(|error| garbled(&error))?;
    Ok(reply)
}

fn garbled(error: &ProtocolError) -> PulseError {
    PulseError::Garbled(error.to_string())
}

fn broken(error: &std::io::Error) -> PulseError {
    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
        PulseError::Hangs
    } else {
        PulseError::Closed
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
pub(super) mod tests;
