//! Inverses modulo an odd number, in a time that depends on nothing but its length.
//!
//! This is the "safegcd" of D. J. Bernstein and B.-Y. Yang, *Fast constant-time gcd computation and modular inversion*
//! (2019, <https://eprint.iacr.org/2019/266>), with the divsteps of P. Wuille that start from one half
//! (<https://github.com/sipa/safegcd-bounds>), thirty of them at a time.
//!
//! A divstep takes an odd f, a g and a δ to
//!
//! * (g, (g − f) / 2, 1 − δ) when g is odd and δ is positive,
//! * (f, (g + f) / 2, 1 + δ) when g is odd and δ is negative,
//! * (f, g / 2, 1 + δ) when g is even.
//!
//! From f = n, g = x and δ = 1/2, enough of them leave g = 0 and f = ±gcd(n, x). The lowest thirty bits of f and g decide about
//! thirty divsteps, which are linear: their matrix is computed from words and then applied to the long numbers, to f and g, and
//! modulo n to d and e, which start as 0 and 1 so that always d·x = f and e·x = g modulo n. At the end d is the inverse, or its
//! negative.
//!
//! Numbers here are signed: limbs of thirty bits, the lowest first, the highest of which has the sign.
//!
//! What is not to be inlined is looked at in the compiled module: tests/commands/constant_time.test.mjs.

use core::cell::Cell;
use core::hint::black_box;
use core::iter;

use zeroize::Zeroizing;

use crate::modulus::{repacked, Number, WORD_BITS};

/// The inverse of `x` modulo `n`, for 0 <= x < n, n odd, above 1 and of so many bits, both of as many words. `None` when they have
/// a divisor in common. How long it takes depends on n alone.
///
/// A caller who can should multiply to see that the answer is right: a flaw in here would then refuse, and do nothing worse.
pub(crate) fn inverse_mod(x: &[u32], n: &[u32], bits: u32) -> Option<Number> {
    // Twice the modulus and a sign have to fit: two bits more than the modulus has, and the highest limb has room for them.
    let len = bits.div_ceil(LIMB_BITS) as usize;
    let [n_limbs, x_limbs] = [n, x].map(|words| repacked(words.iter().copied(), WORD_BITS, LIMB_BITS, len));
    let modulus: Vec<i32> = n_limbs.iter().map(|limb| *limb as i32).collect();
    let mut fg: Pairs = Zeroizing::new(iter::zip(&modulus, &*x_limbs).map(|(n, x)| [*n, *x as i32]).collect());
    let mut de: Pairs = Zeroizing::new(iter::chain([[0, 1]], iter::repeat_n([0, 0], len - 1)).collect());

    let masks = Masks::new();
    let n_inverse = inverse_of_lowest(modulus.first().copied().unwrap_or_default());
    let mut zeta = -1;
    for _ in 0..batches(bits) {
        let matrix = divsteps(&mut zeta, fg.first().copied().unwrap_or_default(), &masks);
        apply(&matrix, &mut fg);
        apply_mod(&matrix, &mut de, &modulus, n_inverse, &masks);
    }

    let f_sign = masks.sign(fg.last().map_or(0, |[f, _]| *f)) as i32;
    // f is 1, or it is −1, and g is 0. Which of the two, nobody needs to know.
    let expected = iter::chain([1 & !f_sign], iter::repeat(0));
    let off =
        iter::zip(&*fg, expected).fold(0, |off, ([f, g], expected)| off | ((f ^ f_sign) & LIMB_MASK) ^ expected | g);
    let mut d: Zeroizing<Vec<i32>> = Zeroizing::new(de.iter().map(|[d, _]| *d).collect());
    // d is above −2n and below n.
    add_if_negative(&mut d, &modulus, f_sign.into(), &masks);
    add_if_negative(&mut d, &modulus, 0, &masks);
    (off == 0).then(|| repacked(d.iter().map(|limb| *limb as u32), LIMB_BITS, WORD_BITS, n.len()))
}

const LIMB_BITS: u32 = 30;
const LIMB_MASK: i32 = (1 << LIMB_BITS) - 1;

/// Two numbers, limb by limb.
type Pairs = Zeroizing<Vec<[i32; 2]>>;

/// How many times thirty divsteps are enough for a modulus of so many bits. For 0 <= g <= f <= M that is
/// (45907 log2(M) + 26313) / 19929 divsteps, rounded down, as `genproofhd.md` of safegcd-bounds proves; with 30179 in the place
/// of 26313 for a g that may be greater than f, which ours never is.
fn batches(bits: u32) -> u32 {
    ((45_907 * bits + 26_313) / 19_929).div_ceil(LIMB_BITS)
}

/// The inverse of an odd number modulo 2^32: each turn makes twice as many bits right, of which the first one has three.
fn inverse_of_lowest(limb: i32) -> i32 {
    (0..4).fold(limb, |inverse, _| inverse.wrapping_mul(2_i32.wrapping_sub(limb.wrapping_mul(inverse))))
}

/// What makes masks of secrets. The compiler does not know these two numbers, and so not that what is made with them has all
/// bits or none: it would turn "and" with such a mask into a choice, and the machine's compiler that into a branch.
pub(crate) struct Masks {
    one: i64,
    sign_bit: u32,
}

impl Masks {
    pub(crate) fn new() -> Self {
        Self { one: black_box(1), sign_bit: black_box(63) }
    }

    /// All bits when it is odd, none when it is even.
    fn odd(&self, value: i64) -> i64 {
        (value & self.one).wrapping_neg()
    }

    /// All bits when it is negative.
    pub(crate) fn negative(&self, value: i64) -> i64 {
        value >> self.sign_bit
    }

    fn sign(&self, limb: i32) -> i64 {
        self.negative(i64::from(limb))
    }
}

/// What thirty divsteps do, times 2^30: `[u, v, q, r]` takes f to `u f + v g`, and g to `q f + r g`. |u| + |v| and |q| + |r|
/// are at most 2^30.
type Matrix = Zeroizing<[i64; 4]>;

/// Thirty divsteps on the lowest limbs of f and g. `zeta` is −(δ + 1/2).
#[inline(never)]
fn divsteps(zeta: &mut i64, [lowest_f, lowest_g]: [i32; 2], masks: &Masks) -> Matrix {
    let (mut f, mut g) = (i64::from(lowest_f), i64::from(lowest_g));
    // Both entries of a row in one word, u + 2^32 v: what is done to a row is done to each of them.
    let (mut uv, mut qr) = (1_i64, 1_i64 << 32);
    for _ in 0..LIMB_BITS {
        let odd = masks.odd(g);
        let positive = masks.negative(*zeta);
        // g gets f when it is odd, and −f when δ is positive, too.
        g += ((f ^ positive) - positive) & odd;
        qr += ((uv ^ positive) - positive) & odd;
        // In that case f becomes what g was, which is f + (g − f).
        let swap = positive & odd;
        *zeta = (*zeta ^ swap) - 1;
        f += g & swap;
        uv += qr & swap;
        // Instead of halving all of g's row, f's is doubled, and the matrix is 2^30 times what it should be.
        g >>= 1;
        uv <<= 1;
    }
    let (u, q) = (i64::from(uv as i32), i64::from(qr as i32));
    let (v, r) = ((uv - u) >> 32, (qr - q) >> 32);
    Zeroizing::new([u, v, q, r])
}

/// f and g after the divsteps: the matrix was made so that the lowest thirty bits of both sums are zero.
#[inline(never)]
fn apply(&[u, v, q, r]: &[i64; 4], fg: &mut [[i32; 2]]) {
    let mut sums = [0, 0];
    let mut below: &Cell<[i32; 2]> = &Cell::default();
    for limbs in Cell::from_mut(fg).as_slice_of_cells() {
        let [f, g] = limbs.get();
        let (f, g) = (i64::from(f), i64::from(g));
        let [f_sum, g_sum] = sums;
        let (f_sum, g_sum) = (f_sum + u * f + v * g, g_sum + q * f + r * g);
        below.set([f_sum as i32 & LIMB_MASK, g_sum as i32 & LIMB_MASK]);
        sums = [f_sum >> LIMB_BITS, g_sum >> LIMB_BITS];
        below = limbs;
    }
    let [f, g] = sums;
    below.set([f as i32, g as i32]);
}

/// d and e after the divsteps, from above −2n and below n to there again.
#[inline(never)]
fn apply_mod(&[u, v, q, r]: &[i64; 4], de: &mut [[i32; 2]], modulus: &[i32], n_inverse: i32, masks: &Masks) {
    // First n is added to what is negative, so that both are above −n and below n, and the sums below 2^30 n in size. Then as
    // much of n is taken off, less than 2^30 times, as makes the lowest thirty bits zero.
    let [highest_d, highest_e] = de.last().copied().unwrap_or_default();
    let (d_sign, e_sign) = (masks.sign(highest_d), masks.sign(highest_e));
    let [lowest_d, lowest_e] = de.first().copied().unwrap_or_default();
    let (d, e) = (i64::from(lowest_d), i64::from(lowest_e));
    let n = i64::from(modulus.first().copied().unwrap_or_default());
    let times_n = |u: i64, v: i64| {
        let negatives = (u & d_sign) + (v & e_sign);
        let low = (u * d + v * e + n * negatives) as i32;
        negatives - i64::from(low.wrapping_mul(n_inverse) & LIMB_MASK)
    };
    let (d_times, e_times) = (times_n(u, v), times_n(q, r));

    let mut sums = [0, 0];
    let mut below: &Cell<[i32; 2]> = &Cell::default();
    for (limbs, n) in iter::zip(Cell::from_mut(de).as_slice_of_cells(), modulus) {
        let ([d, e], n) = (limbs.get(), i64::from(*n));
        let (d, e) = (i64::from(d), i64::from(e));
        let [d_sum, e_sum] = sums;
        let (d_sum, e_sum) = (d_sum + u * d + v * e + d_times * n, e_sum + q * d + r * e + e_times * n);
        below.set([d_sum as i32 & LIMB_MASK, e_sum as i32 & LIMB_MASK]);
        sums = [d_sum >> LIMB_BITS, e_sum >> LIMB_BITS];
        below = limbs;
    }
    let [d, e] = sums;
    below.set([d as i32, e as i32]);
}

/// Adds the modulus to a negative number; then negates it, if `negate` has all bits and not none.
#[inline(never)]
fn add_if_negative(number: &mut [i32], modulus: &[i32], negate: i64, masks: &Masks) {
    let negative = masks.sign(number.last().copied().unwrap_or_default());
    let mut sum = 0;
    for (limb, n) in iter::zip(&mut *number, modulus) {
        let value = i64::from(*limb) + (i64::from(*n) & negative);
        sum = (sum >> LIMB_BITS) + (value ^ negate) - negate;
        *limb = sum as i32 & LIMB_MASK;
    }
    // The highest limb keeps the sign.
    if let Some(last) = number.last_mut() {
        *last = sum as i32;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
#[path = "inverse/tests.rs"] // The bench has this file, too.
mod tests;
