//! A Rust library that drives an exchange of Python's: it is handed the table's address and the exchange's.
use std::ffi::c_void;
use std::mem::size_of;

/// The table of scardffi.h, as far as it is used here.
#[repr(C)]
pub struct Api {
    size: u32,
    version: u32,
    transmit: *const c_void,
    exchange_new: *const c_void,
    exchange_free: *const c_void,
    exchange_send: extern "C" fn(*mut c_void) -> i64,
}

/// Sends the exchange `count` times. Returns the number of bytes received, or minus an HRESULT.
///
/// # Safety
/// `api` must be the address of scardffi's table, and `exchange` the address of an exchange that is still alive.
#[no_mangle]
pub unsafe extern "C" fn drive(api: *const Api, exchange: *mut c_void, count: u32) -> i64 {
    let api = &*api;
    if (api.size as usize) < size_of::<Api>() {
        return -1;
    }
    let mut total = 0;
    for _ in 0..count {
        match (api.exchange_send)(exchange) {
            received if received < 0 => return received,
            received => total += received,
        }
    }
    total
}
