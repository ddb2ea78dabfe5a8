//! Decisions that change the inputs of their partition.

use super::bench::Bench;
use crate::error::{Retry, StepDown};
use crate::record::Record;
use crate::rule::{Reader, Verdict};

#[test]
fn a_partition_whose_inputs_changed_is_claimed_again_once_that_is_durable() {
    let mut bench = Bench::owner();
    assert_eq!(bench.receive("a inputs"), ["append"], "the claim lasts until the entry is valid");
    assert_eq!(bench.land(), ["send 1: a inputs 1", "step down: the inputs have changed"]);
    assert!(bench.core.is_idle());
    assert_eq!(StepDown::InputsChanged.retry(), Retry::AtOnce);
}

#[test]
fn entries_behind_the_one_that_changed_the_inputs_are_valid_for_the_next_claim() {
    let mut bench = Bench::owner();
    bench.receive("a inputs");
    bench.receive("b +");
    let heads = [0, 1].map(|n| Record::Entry(bench.entry(n).clone()).head());
    bench.land();
    assert_eq!(bench.entry(0).seq, 1, "it was appended before the next claim");
    let mut reader = Reader::after_claim(0);
    for (offset, head) in (1..).zip(heads) {
        assert_eq!(reader.judge(offset, head), Verdict::Valid, "the next claim follows them");
    }
}
