#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chevet_clinic::fuzzing::fuzz_pdf(data));
