//! The field of 256 elements, that of AES, without tables and branches that depend on secrets.
//!
//! Source: FIPS 197 §4.2; Shamir, "How to share a secret" (1979).

/// The product, each step taken whatever the factors are.
fn product(mut left: u8, mut right: u8) -> u8 {
    let mut sum = 0;
    for _ in 0..8 {
        sum ^= left & (right & 1).wrapping_neg();
        let carry = (left >> 7).wrapping_neg();
        left = (left << 1) ^ (carry & 0x1b);
        right >>= 1;
    }
    sum
}

/// The inverse of what is not zero: its 254th power.
fn inverse(element: u8) -> u8 {
    let mut power = 1;
    for _ in 0..254 {
        power = product(power, element);
    }
    power
}

/// The polynomial with this value at zero and these further coefficients, at `x`.
pub(super) fn evaluate(at_zero: u8, coefficients: impl DoubleEndedIterator<Item = u8>, x: u8) -> u8 {
    let rest = coefficients.rev().fold(0, |sum, coefficient| product(sum, x) ^ coefficient);
    product(rest, x) ^ at_zero
}

/// What each point weighs in the value at zero of the polynomial through them. The first coordinates differ and are not zero; they
/// are no secrets.
pub(super) fn weights(xs: &[u8]) -> Vec<u8> {
    let weight = |x: &u8| {
        let others = xs.iter().filter(|other| *other != x);
        others.fold(1, |weight, other| product(weight, product(*other, inverse(other ^ x))))
    };
    xs.iter().map(weight).collect()
}

/// The value at zero, of the values at the points that weigh so much.
pub(super) fn at_zero(weights: &[u8], values: impl Iterator<Item = u8>) -> u8 {
    weights.iter().zip(values).fold(0, |sum, (weight, value)| sum ^ product(*weight, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 197 §4.2 and §4.2.1.
    #[test]
    fn products_are_those_of_the_standard() {
        for (left, right, expected) in [
            (0x57, 0x83, 0xc1),
            (0x57, 0x13, 0xfe),
            (0x57, 0x02, 0xae),
            (0x57, 0x10, 0x07),
            (0, 7, 0),
            (1, 7, 7),
        ] {
            assert_eq!((product(left, right), product(right, left)), (expected, expected));
        }
    }

    #[test]
    fn every_element_but_zero_has_its_inverse() {
        for element in 1..=u8::MAX {
            assert_eq!(product(element, inverse(element)), 1, "{element}");
        }
    }

    #[test]
    fn polynomial_is_found_again_from_as_many_points_as_it_has_coefficients() {
        for secret in [0, 1, 0x42, 0xff] {
            let coefficients = [7, 0, 0xb3, 0x1d];
            let value = |x: u8| evaluate(secret, coefficients.into_iter(), x);
            for points in [[1, 2, 3, 4, 5], [255, 254, 9, 100, 77], [5, 4, 3, 2, 1]] {
                assert_eq!(at_zero(&weights(&points), points.into_iter().map(value)), secret);
            }
        }
    }
}
