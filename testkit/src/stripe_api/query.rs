//! A request's path and query.

/// Path and decoded parameters.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) path: String,
    parameters: Vec<(String, String)>,
}

impl Query {
    pub(super) fn parse(target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let parameters = pairs.map(|(name, value)| (decoded(name), decoded(value))).collect();
        Self { path: decoded(path), parameters }
    }

    /// The first value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of a parameter.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.parameters.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }

    /// The names of all parameters.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().map(|(name, _)| name.as_str())
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut hex = || rest.next().and_then(|digit| char::from(digit).to_digit(16)).unwrap_or(0);
        let byte = if byte == b'%' { hex() * 16 + hex() } else { byte.into() };
        bytes.push(u8::try_from(byte).unwrap_or(b'?'));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
