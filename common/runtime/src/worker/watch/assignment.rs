//! The assignment of a group member in Kafka's consumer protocol (`ConsumerProtocolAssignment`): a version, then for
//! each topic its name and its partitions. librdkafka does not decode it.

/// The partitions of all topics, each once; empty if the bytes are of another protocol.
pub(super) fn partitions(bytes: &[u8]) -> Vec<i32> {
    let mut all = read(bytes).unwrap_or_default();
    all.sort_unstable();
    all.dedup();
    all
}

fn read(bytes: &[u8]) -> Option<Vec<i32>> {
    let (_version, mut rest) = bytes.split_first_chunk::<2>()?;
    let mut all = Vec::new();
    for _ in 0..number(&mut rest)? {
        let (length, after) = rest.split_first_chunk::<2>()?;
        rest = after.get(usize::from(u16::from_be_bytes(*length))..)?;
        for _ in 0..number(&mut rest)? {
            all.push(number(&mut rest)?);
        }
    }
    Some(all)
}

fn number(rest: &mut &[u8]) -> Option<i32> {
    let (number, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(i32::from_be_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partitions_of_all_topics_are_read_and_nonsense_is_none() {
        let mut bytes = vec![0, 1, 0, 0, 0, 2];
        bytes.extend(b"\0\x01a\0\0\0\x02\0\0\0\x01\0\0\0\0");
        bytes.extend(b"\0\x02bc\0\0\0\x01\0\0\0\x01");
        bytes.extend(b"\0\0\0\0");
        assert_eq!(partitions(&bytes), [0, 1]);
        assert_eq!(partitions(&bytes[..20]), [0; 0]);
        assert_eq!(partitions(&[]), [0; 0]);
        assert_eq!(partitions(&[0, 0, 0x7f, 0xff, 0xff, 0xff]), [0; 0]);
    }
}
