#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chevet_sfu_core::fuzzing::fuzz_srtp(data));
