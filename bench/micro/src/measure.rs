//! Marks in the program that callgrind is told to look for. Both are found by their names (see [`crate::callgrind`]), so
//! neither may be inlined, or renamed in one place only.

use std::hint::black_box;

/// Instructions are counted inside of this function and nowhere else.
#[inline(never)]
pub fn counted_region(work: &mut dyn FnMut()) {
    work();
    // Keeps the call above from becoming a jump, which would not show where the region ends.
    black_box(&work);
}

/// Callgrind writes what it has counted to a file of its own and begins anew.
#[inline(never)]
fn end_of_figure(name: &str) {
    // A function without a body would not be called.
    black_box(name);
}

/// Ends a figure: so many packets (or whatever it counts) went through since the last one. Prints the name, a tab, and
/// the units.
///
/// # Panics
/// Without any work: the setup is wrong, and a figure made from nothing would pass every comparison.
pub fn end(name: &str, units: u64) {
    assert!(units > 0, "{name}: nothing went through");
    end_of_figure(name);
    println!("{name}\t{units}");
}
