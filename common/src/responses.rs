//! Reads the bodies of other services' responses, bounded in size.

use reqwest::{Error, Response};

/// The body of a response; `None` if it is longer than `limit` bytes, of which the rest is not read.
///
/// # Errors
/// The connection breaks off.
pub(crate) async fn body_within(mut response: Response, limit: usize) -> Result<Option<Vec<u8>>, Error> {
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await? {
        if body.len() + part.len() > limit {
            return Ok(None);
        }
        body.extend_from_slice(&part);
    }
    Ok(Some(body))
}
