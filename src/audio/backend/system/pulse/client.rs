//! A connection to a PulseAudio server: frames, requests and replies.
//!
//! The `pulseaudio` crate encodes and decodes the protocol. An audio block needs no heap allocation and one system
//! call in each direction.

use std::ffi::CString;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use pulseaudio::protocol::{self, AuthParams, AuthReply, Command, CommandReply, Prop, Props, ProtocolError};

/// Socket timeout in both directions.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Channel of everything that is not audio.
const CONTROL: u32 = u32::MAX;
/// Initial size of the read buffer in bytes.
const READ_BUFFER: usize = 16_384;
/// Largest accepted frame in bytes. PulseAudio allows 16 MiB, but its longest lists are far below this.
const MAX_FRAME: usize = 1 << 20;

/// An error of the connection to a sound server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PulseError {
    /// No server socket exists.
    #[error("no sound server is running")]
    NotThere,
    /// The connection failed.
    #[error("cannot connect to the sound server ({0})")]
    Connect(#[source] std::io::Error),
    /// The server ended or closed the connection.
    #[error("the sound server closed the connection")]
    Closed,
    /// The server did not answer in time.
    #[error("the sound server has not answered for {} s", TIMEOUT.as_secs())]
    Hangs,
    /// The server refused a request.
    #[error("sound server error: {0}")]
    Refused(protocol::PulseError),
    /// The server sent an invalid message.
    #[error("invalid message from the sound server ({0})")]
    Invalid(String),
}

/// A connection. Dropping it ends all its streams.
pub(crate) struct PulseClient {
    socket: UnixStream,
    version: u16,
    /// Sequence number of the last command.
    last: u32,
    /// Read buffer; its unparsed part is `begin..end`.
    incoming: Vec<u8>,
    begin: usize,
    end: usize,
    outgoing: Vec<u8>,
}

/// Result of reading from the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadResult {
    /// All pending data was read.
    UpToDate,
    /// The buffer is full; more may be pending.
    BufferFull,
}

/// One frame.
#[derive(Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time on the stack; a box would cost an allocation per block"
)]
pub(super) enum ServerMessage<'a> {
    /// Samples of a stream, as bytes.
    Audio(u32, &'a [u8]),
    /// A command or reply, with its sequence number and the payload of a reply.
    Control(u32, Command, &'a [u8]),
    /// A command unknown to the library.
    Unknown,
}

/// Returns whether a server socket exists.
pub(super) fn is_available() -> bool {
    pulseaudio::socket_path_from_env().is_some()
}

impl PulseClient {
    /// Connects to the server selected by the environment.
    pub(super) fn connect() -> Result<Self, PulseError> {
        let path = pulseaudio::socket_path_from_env().ok_or(PulseError::NotThere)?;
        let socket = UnixStream::connect(path).map_err(PulseError::Connect)?;
        let cookie = pulseaudio::cookie_path_from_env().and_then(|path| std::fs::read(path).ok());
        Self::handshake(socket, cookie.unwrap_or_default())
    }

    fn handshake(socket: UnixStream, cookie: Vec<u8>) -> Result<Self, PulseError> {
        socket.set_read_timeout(Some(TIMEOUT)).map_err(PulseError::Connect)?;
        socket.set_write_timeout(Some(TIMEOUT)).map_err(PulseError::Connect)?;
        let mut client = Self {
            socket,
            version: protocol::MAX_VERSION,
            last: 0,
            incoming: vec![0; READ_BUFFER],
            begin: 0,
            end: 0,
            outgoing: Vec::new(),
        };
        // Audio in shared memory would need unsafe code.
        let auth =
            AuthParams { version: protocol::MAX_VERSION, supports_shm: false, supports_memfd: false, cookie };
        let reply: AuthReply = client.request(&Command::Auth(auth))?;
        client.version = reply.version.min(protocol::MAX_VERSION);
        if client.version < protocol::MIN_VERSION {
            return Err(PulseError::Invalid(format!("protocol version {}", client.version)));
        }
        let mut props = Props::new();
        props.set(Prop::ApplicationName, c"rtvoice");
        if let Ok(process) = CString::new(std::process::id().to_string()) {
            props.set(Prop::ApplicationProcessId, process);
        }
        let _: protocol::SetClientNameReply = client.request(&Command::SetClientName(props))?;
        Ok(client)
    }

    /// Sends a command and waits for its reply. Other messages are discarded meanwhile.
    pub(super) fn request<R: CommandReply>(&mut self, command: &Command) -> Result<R, PulseError> {
        let number = self.send(command)?;
        let version = self.version;
        loop {
            while let Some(message) = self.next()? {
                match message {
                    ServerMessage::Control(sequence, Command::Reply, payload) if sequence == number => {
                        return read_reply(payload, version);
                    }
                    ServerMessage::Control(sequence, Command::Error(error), _) if sequence == number => {
                        return Err(PulseError::Refused(error));
                    }
                    ServerMessage::Control(..) | ServerMessage::Audio(..) | ServerMessage::Unknown => {}
                }
            }
            self.fill()?;
        }
    }

    /// Sends a command and returns its sequence number.
    pub(super) fn send(&mut self, command: &Command) -> Result<u32, PulseError> {
        self.last = self.last.wrapping_add(1);
        self.outgoing.clear();
        protocol::encode_command_message(&mut self.outgoing, self.last, command, self.version)
            .map_err(|error| invalid(&error))?;
        self.write()?;
        Ok(self.last)
    }

    /// Writes samples to a stream.
    pub(super) fn write_audio(&mut self, channel: u32, samples: &[f32]) -> Result<(), PulseError> {
        let length = u32::try_from(size_of_val(samples)).unwrap_or(u32::MAX);
        let flags = protocol::DescriptorFlags::empty();
        let head = protocol::Descriptor { length, channel, offset: 0, flags };
        let mut bytes = [0; protocol::DESCRIPTOR_SIZE];
        protocol::encode_descriptor(&mut bytes, &head);
        self.outgoing.clear();
        self.outgoing.extend_from_slice(&bytes);
        self.outgoing.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        self.write()
    }

    fn write(&mut self) -> Result<(), PulseError> {
        self.socket.write_all(&self.outgoing).map_err(|error| io_error(&error))
    }

    /// Resizes both buffers to `bytes`.
    pub(super) fn resize_buffers(&mut self, bytes: usize) {
        self.incoming.resize(bytes.clamp(self.end.max(READ_BUFFER), MAX_FRAME), 0);
        self.incoming.shrink_to_fit();
        self.outgoing = Vec::with_capacity(bytes);
    }

    /// Reads pending data, and waits if there is none.
    pub(super) fn fill(&mut self) -> Result<ReadResult, PulseError> {
        self.incoming.copy_within(self.begin..self.end, 0);
        (self.begin, self.end) = (0, self.end - self.begin);
        if self.end == self.incoming.len() {
            // A frame is longer than the buffer.
            self.incoming.resize((self.end * 2).min(MAX_FRAME), 0);
        }
        loop {
            return match self.socket.read(&mut self.incoming[self.end..]) {
                Ok(0) => Err(PulseError::Closed),
                Ok(count) => {
                    self.end += count;
                    Ok(if self.end == self.incoming.len() {
                        ReadResult::BufferFull
                    } else {
                        ReadResult::UpToDate
                    })
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => Err(io_error(&error)),
            };
        }
    }

    /// Returns the next complete frame.
    pub(super) fn next(&mut self) -> Result<Option<ServerMessage<'_>>, PulseError> {
        let Some((mut head, rest)) =
            self.incoming[self.begin..self.end].split_at_checked(protocol::DESCRIPTOR_SIZE)
        else {
            return Ok(None);
        };
        let descriptor = protocol::read_descriptor(&mut head).map_err(|error| invalid(&error))?;
        let length = descriptor.length as usize;
        if length > MAX_FRAME - protocol::DESCRIPTOR_SIZE {
            return Err(PulseError::Invalid(format!("frame of {length} bytes")));
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        self.begin += protocol::DESCRIPTOR_SIZE + length;
        if descriptor.channel != CONTROL {
            return Ok(Some(ServerMessage::Audio(descriptor.channel, body)));
        }
        let mut unread = body;
        // An unreadable command belongs to a later version; its frame length is still valid.
        let read = Command::read_tag_prefixed(&mut unread, self.version);
        Ok(Some(read.map_or(ServerMessage::Unknown, |(number, command)| {
            ServerMessage::Control(number, command, body)
        })))
    }
}

impl AsFd for PulseClient {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Decodes a reply from the body of its frame.
fn read_reply<R: CommandReply>(body: &[u8], version: u16) -> Result<R, PulseError> {
    // The library expects the descriptor, too.
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let flags = protocol::DescriptorFlags::empty();
    let mut head = [0; protocol::DESCRIPTOR_SIZE];
    protocol::encode_descriptor(
        &mut head,
        &protocol::Descriptor { length, channel: CONTROL, offset: 0, flags },
    );
    let mut whole = head.chain(body);
    let (_, reply) = protocol::read_reply_message(&mut whole, version).map_err(|error| invalid(&error))?;
    Ok(reply)
}

fn invalid(error: &ProtocolError) -> PulseError {
    PulseError::Invalid(error.to_string())
}

fn io_error(error: &std::io::Error) -> PulseError {
    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
        PulseError::Hangs
    } else {
        PulseError::Closed
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
pub(super) mod tests;
