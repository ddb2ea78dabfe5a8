//! Kafka's wire format by hand, for bytes that no client writes: record batches (v2, KIP-98) and the request that
//! produces them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use common::time::Timestamp;

/// Where the parts of a batch begin.
pub mod at {
    #![allow(missing_docs)]
    pub const LENGTH: usize = 8;
    pub const MAGIC: usize = 16;
    pub const CRC: usize = 17;
    pub const ATTRIBUTES: usize = 21;
    pub const LAST_OFFSET_DELTA: usize = 23;
    pub const RECORDS: usize = 61;
}

const TIMEOUT: Duration = Duration::from_secs(60);

/// A record to write.
#[derive(Clone, Copy, Debug)]
pub struct RawRecord<'a> {
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Its headers. A name may be any bytes.
    pub headers: &'a [(&'a [u8], &'a [u8])],
}

/// A batch of records without compression, with the right checksum.
///
/// # Errors
/// When it is too long for the format.
pub fn batch(records: &[RawRecord<'_>]) -> Result<Vec<u8>> {
    let count = i32::try_from(records.len())?;
    let now = Timestamp::now().0;
    let mut bytes = Vec::new();
    bytes.extend(0_i64.to_be_bytes());
    bytes.extend(0_i32.to_be_bytes());
    bytes.extend((-1_i32).to_be_bytes());
    bytes.push(2);
    bytes.extend(0_u32.to_be_bytes());
    bytes.extend(0_i16.to_be_bytes());
    bytes.extend((count - 1).to_be_bytes());
    bytes.extend(now.to_be_bytes());
    bytes.extend(now.to_be_bytes());
    bytes.extend((-1_i64).to_be_bytes());
    bytes.extend((-1_i16).to_be_bytes());
    bytes.extend((-1_i32).to_be_bytes());
    bytes.extend(count.to_be_bytes());
    for (delta, record) in (0..).zip(records) {
        let record = encoded(record, delta)?;
        varint(&mut bytes, i64::try_from(record.len())?);
        bytes.extend(record);
    }
    let length = i32::try_from(bytes.len() - at::LENGTH - 4)?;
    replace(&mut bytes, at::LENGTH, &length.to_be_bytes());
    seal(&mut bytes);
    Ok(bytes)
}

fn encoded(record: &RawRecord<'_>, delta: i64) -> Result<Vec<u8>> {
    let mut bytes = vec![0];
    varint(&mut bytes, 0);
    varint(&mut bytes, delta);
    for part in [record.key, record.value] {
        varint(&mut bytes, part.map_or(Ok(-1), |part| i64::try_from(part.len()))?);
        bytes.extend(part.unwrap_or_default());
    }
    varint(&mut bytes, i64::try_from(record.headers.len())?);
    for (name, value) in record.headers {
        for part in [name, value] {
            varint(&mut bytes, i64::try_from(part.len())?);
            bytes.extend(*part);
        }
    }
    Ok(bytes)
}

/// Appends a number as a zigzag varint.
fn varint(to: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    while rest > 0x7f {
        to.push((rest as u8) | 0x80);
        rest >>= 7;
    }
    to.push(rest as u8);
}

/// Computes a batch's checksum again.
pub fn seal(batch: &mut [u8]) {
    let crc = crc32c(batch.get(at::ATTRIBUTES..).unwrap_or_default());
    replace(batch, at::CRC, &crc.to_be_bytes());
}

/// Overwrites bytes.
pub fn replace(bytes: &mut [u8], from: usize, with: &[u8]) {
    for (byte, new) in bytes.iter_mut().skip(from).zip(with) {
        *byte = *new;
    }
}

/// CRC-32C (RFC 3720, appendix B.4).
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg()))
    };
    !bytes.iter().fold(!0, step)
}

/// Sends a batch as it is, in a Produce request (v3), and returns its first offset.
///
/// # Errors
/// When the broker rejects it.
pub fn produce(brokers: &str, topic: &str, partition: i32, batch: &[u8]) -> Result<i64> {
    let mut request = Vec::new();
    request.extend(0_i16.to_be_bytes());
    request.extend(3_i16.to_be_bytes());
    request.extend(7_i32.to_be_bytes());
    request.extend((-1_i16).to_be_bytes());
    request.extend((-1_i16).to_be_bytes());
    request.extend((-1_i16).to_be_bytes());
    request.extend(20_000_i32.to_be_bytes());
    request.extend(1_i32.to_be_bytes());
    request.extend(i16::try_from(topic.len())?.to_be_bytes());
    request.extend(topic.as_bytes());
    request.extend(1_i32.to_be_bytes());
    request.extend(partition.to_be_bytes());
    request.extend(i32::try_from(batch.len())?.to_be_bytes());
    request.extend(batch);
    let mut stream = TcpStream::connect(brokers).with_context(|| format!("connect to {brokers}"))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(&i32::try_from(request.len())?.to_be_bytes())?;
    stream.write_all(&request)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; usize::try_from(i32::from_be_bytes(length))?];
    stream.read_exact(&mut answer)?;
    // Correlation id, topics, name, partitions, partition; then the error and the first offset.
    let from = 4 + 4 + 2 + topic.len() + 4 + 4;
    let Some(rest) = answer.get(from..from + 10) else { bail!("the broker answers {answer:?}") };
    let (error, offset) = rest.split_at(2);
    ensure!(error == [0, 0], "the broker rejects the batch with error {}", i16::from_be_bytes(error.try_into()?));
    Ok(i64::from_be_bytes(offset.try_into()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_rfc_3720() {
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn numbers_are_zigzag_varints() {
        let encoded = |number| {
            let mut bytes = Vec::new();
            varint(&mut bytes, number);
            bytes
        };
        assert_eq!(encoded(-1), [1]);
        assert_eq!(encoded(1), [2]);
        assert_eq!(encoded(300), [0xd8, 0x04]);
    }
}
