//! The C ABI; `include/zenb.h` describes it for callers.
//!
//! This is the only module of the project with unsafe code: it reads and frees what callers hand over.
//! Every function takes null for "nothing" and answers null when it was given nothing.

use std::ffi::{CStr, CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use serde::Serialize;

#[cfg(feature = "replay")]
use crate::session::replayed;
use crate::session::{BadText, Session};

#[derive(Serialize)]
struct Failed {
    error: String,
}

/// Opens a session.
///
/// # Safety
/// `opening` is null or a NUL-terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zenb_open(opening: *const c_char) -> *mut Session {
    // SAFETY: the caller's promise is this function's.
    let Some(opening) = (unsafe { text(opening) }) else {
        return ptr::null_mut();
    };
    guarded(|| Session::open(opening).ok().map(Box::new))
        .flatten()
        .map_or(ptr::null_mut(), Box::into_raw)
}

/// Ends the life of a session.
///
/// # Safety
/// `session` is null or came from [`zenb_open`] and was not closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zenb_close(session: *mut Session) {
    if !session.is_null() {
        // SAFETY: it was made by Box::into_raw in zenb_open, and the caller closes it once.
        drop(unsafe { Box::from_raw(session) });
    }
}

/// Takes an input; the answer is `{"taken": ...}`, `{"refused": ...}` or `{"error": text}`.
///
/// # Safety
/// `session` is null or open; `input` is null or a NUL-terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zenb_step(session: *const Session, input: *const c_char) -> *mut c_char {
    // SAFETY: the caller's promises are this function's.
    let (session, input) = unsafe { (session.as_ref(), text(input)) };
    let (Some(session), Some(input)) = (session, input) else {
        return ptr::null_mut();
    };
    answer(|| session.step(input))
}

/// What followed from the opening.
///
/// # Safety
/// `session` is null or open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zenb_opened(session: *const Session) -> *mut c_char {
    // SAFETY: the caller's promise is this function's.
    unsafe { seen(session, Session::opened) }
}

/// What a person should see now.
///
/// # Safety
/// `session` is null or open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zenb_view(session: *const Session) -> *mut c_char {
    // SAFETY: the caller's promise is this function's.
    unsafe { seen(session, Session::view) }
}

/// What draws the pacer.
///
/// # Safety
/// `session` is null or open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zenb_pacer(session: *const Session) -> *mut c_char {
    // SAFETY: the caller's promise is this function's.
    unsafe { seen(session, Session::pacer) }
}

/// How it ended, or `null`.
///
/// # Safety
/// `session` is null or open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zenb_summary(session: *const Session) -> *mut c_char {
    // SAFETY: the caller's promise is this function's.
    unsafe { seen(session, Session::summary) }
}

/// The digest of the whole state, not in quotes.
///
/// # Safety
/// `session` is null or open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zenb_digest(session: *const Session) -> *mut c_char {
    // SAFETY: the caller's promise is this function's.
    unsafe { seen(session, Session::digest) }
}

/// Recomputes a session from the array of its events.
///
/// # Safety
/// `events` is null or a NUL-terminated string.
#[cfg(feature = "replay")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zenb_replay(events: *const c_char) -> *mut c_char {
    // SAFETY: the caller's promise is this function's.
    let Some(events) = (unsafe { text(events) }) else {
        return ptr::null_mut();
    };
    answer(|| replayed(events))
}

/// Frees a text that a function of this library gave.
///
/// # Safety
/// `text` is null or came from this library and was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zenb_free(text: *mut c_char) {
    if !text.is_null() {
        // SAFETY: it was made by CString::into_raw in `given`, and the caller frees it once.
        drop(unsafe { CString::from_raw(text) });
    }
}

/// Room for a NUL-terminated string of at most `len` bytes, all zero, for callers that share memory with
/// the module instead of having an allocator of their own (the browser). Freed by [`zenb_free`].
#[unsafe(no_mangle)]
pub extern "C" fn zenb_text(len: usize) -> *mut c_char {
    // Spaces, because CString::from_raw finds the length again by the first NUL.
    given(String::from_utf8(vec![b' '; len]).unwrap_or_default())
}

unsafe fn text<'a>(pointer: *const c_char) -> Option<&'a str> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: the caller promises a NUL-terminated string that lives during the call.
    unsafe { CStr::from_ptr(pointer) }.to_str().ok()
}

unsafe fn seen(session: *const Session, look: impl Fn(&Session) -> String) -> *mut c_char {
    // SAFETY: the caller promises null or an open session.
    let Some(session) = (unsafe { session.as_ref() }) else {
        return ptr::null_mut();
    };
    guarded(|| look(session)).map_or(ptr::null_mut(), given)
}

fn answer(ask: impl FnOnce() -> Result<String, BadText>) -> *mut c_char {
    let failed =
        |error: String| serde_json::to_string(&Failed { error }).expect("a text is always JSON");
    let answered = guarded(|| ask().unwrap_or_else(|error| failed(error.to_string())));
    given(answered.unwrap_or_else(|| failed("the engine failed".to_owned())))
}

/// A panic must not cross into C.
fn guarded<T>(run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}

fn given(text: String) -> *mut c_char {
    CString::new(text).map_or(ptr::null_mut(), CString::into_raw)
}
