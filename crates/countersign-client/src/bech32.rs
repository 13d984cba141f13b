//! Bech32: bytes as text that shows typing errors.
//!
//! Source: BIP 173, without its limit of 90 characters, as age has it.

const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const CHECKSUM_CHARS: usize = 6;

/// Writes `bytes` with the prefix `hrp`, in lower case.
pub(crate) fn encode(hrp: &str, bytes: &[u8]) -> String {
    let mut values = regroup(bytes, 8, 5, true).unwrap_or_default();
    let checksum = polymod(&expanded(hrp, &values, &[0; CHECKSUM_CHARS])) ^ 1;
    values.extend((0..6).filter_map(|index| u8::try_from(checksum >> (5 * (5 - index)) & 31).ok()));
    let text = values.iter().map(|value| char::from(ALPHABET[usize::from(*value)]));
    [hrp, "1"].into_iter().flat_map(str::chars).chain(text).collect()
}

/// Reads text with the prefix `hrp`, all in lower or all in upper case.
pub(crate) fn decode(hrp: &str, text: &str) -> Option<Vec<u8>> {
    let lower = text.to_ascii_lowercase();
    if text != lower && text != text.to_ascii_uppercase() {
        return None;
    }
    let data = lower.strip_prefix(hrp)?.strip_prefix('1')?;
    let value = |byte: u8| ALPHABET.iter().position(|letter| *letter == byte);
    let values: Vec<u8> = data.bytes().map(|byte| u8::try_from(value(byte)?).ok()).collect::<Option<_>>()?;
    let (values, checksum) = values.split_at_checked(values.len().checked_sub(CHECKSUM_CHARS)?)?;
    if polymod(&expanded(hrp, values, checksum)) != 1 {
        return None;
    }
    regroup(values, 5, 8, false)
}

fn expanded(hrp: &str, values: &[u8], checksum: &[u8]) -> Vec<u8> {
    let high = hrp.bytes().map(|byte| byte >> 5);
    let low = hrp.bytes().map(|byte| byte & 31);
    high.chain([0]).chain(low).chain(values.iter().copied()).chain(checksum.iter().copied()).collect()
}

fn polymod(values: &[u8]) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let mut checksum = 1_u32;
    for value in values {
        let top = checksum >> 25;
        checksum = ((checksum & 0x01ff_ffff) << 5) ^ u32::from(*value);
        for (bit, generator) in GENERATOR.iter().enumerate() {
            if top >> bit & 1 == 1 {
                checksum ^= generator;
            }
        }
    }
    checksum
}

/// Groups of `from` bits into groups of `to`; what is left over is padded with zeros, or must be such a padding.
fn regroup(values: &[u8], from: u32, to: u32, pad: bool) -> Option<Vec<u8>> {
    let (mut buffer, mut bits, mut groups) = (0_u32, 0, Vec::new());
    let mask = (1 << to) - 1;
    for value in values {
        buffer = (buffer << from | u32::from(*value)) & 0xffff;
        bits += from;
        while bits >= to {
            bits -= to;
            groups.push(u8::try_from(buffer >> bits & mask).ok()?);
        }
    }
    let rest = buffer << (to - bits) & mask;
    if pad {
        if bits > 0 {
            groups.push(u8::try_from(rest).ok()?);
        }
    } else if bits >= from || rest != 0 {
        return None;
    }
    Some(groups)
}
