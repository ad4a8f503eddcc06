//! Many datagrams by one system call: recvmmsg with UDP_GRO, sendmmsg with UDP_SEGMENT.

use std::io;
use std::mem;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use super::address::{RAW_ADDRESS_LEN, RawAddress};

/// Messages received by one call.
const RECEIVE_BATCH_MAX: usize = 32;

/// With UDP_GRO the kernel joins up to 64 datagrams of one sender into one message; a shorter buffer would lose the rest.
/// The pages beyond what is really received are never touched.
const RECEIVE_SLOT_LEN: usize = 65_536;

/// Messages sent by one call.
pub(crate) const SEND_BATCH_MAX: usize = 64;

/// Room for one control message with an `int` or smaller, aligned as `cmsghdr` wants it.
type Control = [u64; 4];

/// What the last call received.
#[derive(Clone, Copy)]
struct Received {
    remote: SocketAddr,
    len: usize,
    /// Length of the joined datagrams; only the last may be shorter.
    segment: usize,
}

/// Receive buffers of one socket: about 2 MiB of address space, of which little is touched.
pub(crate) struct ReceiveBuffers {
    bytes: Box<[u8]>,
    received: Vec<Received>,
    addresses: Box<[RawAddress]>,
    controls: Box<[Control]>,
    /// Messages that were longer than their slot, since the last time somebody asked.
    pub(crate) truncated: u64,
}

impl ReceiveBuffers {
    pub(crate) fn new() -> ReceiveBuffers {
        ReceiveBuffers {
            bytes: vec![0; RECEIVE_BATCH_MAX * RECEIVE_SLOT_LEN].into_boxed_slice(),
            received: Vec::with_capacity(RECEIVE_BATCH_MAX),
            addresses: vec![RawAddress::zeroed(); RECEIVE_BATCH_MAX].into_boxed_slice(),
            controls: vec![[0; 4]; RECEIVE_BATCH_MAX].into_boxed_slice(),
            truncated: 0,
        }
    }

    /// Takes what the socket has, without waiting. True when the batch was full, so that there may be more.
    pub(crate) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<bool> {
        self.received.clear();
        // SAFETY: all zeroes is a value of these plain structs (null pointers and zero lengths).
        let mut vectors: [libc::iovec; RECEIVE_BATCH_MAX] = unsafe { mem::zeroed() };
        // SAFETY: as above.
        let mut headers: [libc::mmsghdr; RECEIVE_BATCH_MAX] = unsafe { mem::zeroed() };
        let slots = self.bytes.chunks_exact_mut(RECEIVE_SLOT_LEN);
        let names = self.addresses.iter_mut().zip(self.controls.iter_mut());
        for (((header, vector), slot), (address, control)) in
            headers.iter_mut().zip(vectors.iter_mut()).zip(slots).zip(names)
        {
            vector.iov_base = slot.as_mut_ptr().cast();
            vector.iov_len = slot.len();
            header.msg_hdr.msg_name = ptr::from_mut(address).cast();
            header.msg_hdr.msg_namelen = RAW_ADDRESS_LEN;
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = control.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = mem::size_of::<Control>() as _;
        }
        // SAFETY: each header points to a slot, an address, a control buffer and a vector of the lengths it states. All
        // of them live beyond the call, and nothing else refers to them during it.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                RECEIVE_BATCH_MAX as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                ptr::null_mut(),
            )
        };
        if count < 0 {
            return Err(io::Error::last_os_error());
        }
        let count = count as usize;
        for (header, address) in headers.iter().zip(self.addresses.iter()).take(count) {
            let mut len = (header.msg_len as usize).min(RECEIVE_SLOT_LEN);
            if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
                self.truncated = self.truncated.wrapping_add(1);
                len = 0;
            }
            let remote = address.decode().unwrap_or_else(|| {
                len = 0;
                SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
            });
            // SAFETY: the kernel has filled in the control buffer of this header and its length.
            let segment = unsafe { joined_segment(&header.msg_hdr) }.unwrap_or(len);
            self.received.push(Received { remote, len, segment: segment.max(1) });
        }
        Ok(count == RECEIVE_BATCH_MAX)
    }

    /// The datagrams of the last call, in order of arrival.
    pub(crate) fn datagrams(&mut self) -> impl Iterator<Item = (SocketAddr, &mut [u8])> {
        self.bytes.chunks_exact_mut(RECEIVE_SLOT_LEN).zip(&self.received).flat_map(|(slot, received)| {
            let bytes = slot.get_mut(..received.len).unwrap_or_default();
            bytes.chunks_mut(received.segment).map(|bytes| (received.remote, bytes))
        })
    }
}

/// The UDP_GRO control message: the length of the datagrams that were joined.
///
/// # Safety
/// `msg_control` must point to `msg_controllen` bytes that recvmsg has written.
unsafe fn joined_segment(header: &libc::msghdr) -> Option<usize> {
    // SAFETY: the caller vouches for the buffer; the macros stay within msg_controllen.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(header);
        while let Some(control) = message.as_ref() {
            if control.cmsg_level == libc::SOL_UDP && control.cmsg_type == libc::UDP_GRO {
                let value: libc::c_int = ptr::read_unaligned(libc::CMSG_DATA(control).cast());
                return usize::try_from(value).ok().filter(|value| *value > 0);
            }
            message = libc::CMSG_NXTHDR(header, control);
        }
    }
    None
}

/// One message: several datagrams of `segment` bytes, the last one possibly shorter, when `bytes` is longer than that.
#[derive(Clone, Copy)]
pub(crate) struct Message<'a> {
    pub remote: SocketAddr,
    pub bytes: &'a [u8],
    pub segment: usize,
}

impl Message<'_> {
    pub(crate) fn datagrams(&self) -> usize {
        self.bytes.len().div_ceil(self.segment.max(1))
    }
}

/// Reused bookkeeping for sending.
pub(crate) struct MessageBatch {
    addresses: Box<[RawAddress]>,
    controls: Box<[Control]>,
    /// The socket is an IPv6 one: IPv4 addresses are given mapped.
    mapped: bool,
}

impl MessageBatch {
    pub(crate) fn new(mapped: bool) -> MessageBatch {
        MessageBatch {
            addresses: vec![RawAddress::zeroed(); SEND_BATCH_MAX].into_boxed_slice(),
            controls: vec![[0; 4]; SEND_BATCH_MAX].into_boxed_slice(),
            mapped,
        }
    }

    /// Sends the messages (at most [`SEND_BATCH_MAX`] of them) without waiting, and tells how many went. The call stops
    /// at the first that fails, and returns its error only when it is the first of all.
    pub(crate) fn send(&mut self, socket: BorrowedFd<'_>, messages: &[Message<'_>]) -> io::Result<usize> {
        // SAFETY: all zeroes is a value of these plain structs (null pointers and zero lengths).
        let mut vectors: [libc::iovec; SEND_BATCH_MAX] = unsafe { mem::zeroed() };
        // SAFETY: as above.
        let mut headers: [libc::mmsghdr; SEND_BATCH_MAX] = unsafe { mem::zeroed() };
        let names = self.addresses.iter_mut().zip(self.controls.iter_mut());
        let mut count: libc::c_uint = 0;
        for (((header, vector), (address, control)), message) in
            headers.iter_mut().zip(vectors.iter_mut()).zip(names).zip(messages)
        {
            let (raw, len) = RawAddress::encode(message.remote, self.mapped);
            *address = raw;
            vector.iov_base = message.bytes.as_ptr().cast_mut().cast();
            vector.iov_len = message.bytes.len();
            header.msg_hdr.msg_name = ptr::from_mut(address).cast();
            header.msg_hdr.msg_namelen = len;
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            if message.bytes.len() > message.segment
                && let Ok(segment) = u16::try_from(message.segment)
            {
                header.msg_hdr.msg_control = control.as_mut_ptr().cast();
                // SAFETY: CMSG_SPACE and CMSG_LEN only compute; 2 bytes of payload need 24 of the 32 bytes of `control`,
                // so the first header lies within it and is aligned, as is its payload.
                unsafe {
                    header.msg_hdr.msg_controllen = libc::CMSG_SPACE(2) as _;
                    let first = libc::CMSG_FIRSTHDR(&header.msg_hdr);
                    (*first).cmsg_level = libc::SOL_UDP;
                    (*first).cmsg_type = libc::UDP_SEGMENT;
                    (*first).cmsg_len = libc::CMSG_LEN(2) as _;
                    ptr::write_unaligned(libc::CMSG_DATA(first).cast(), segment);
                }
            }
            count += 1;
        }
        if count == 0 {
            return Ok(0);
        }
        // SAFETY: the first `count` headers point to addresses, vectors and control buffers that live beyond the call;
        // the kernel only reads from the bytes of the messages.
        let sent = unsafe {
            libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, libc::MSG_DONTWAIT as _)
        };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(sent as usize) }
    }
}
