/**
 * The steps of a pass, each measured alone (bench/crate/src/steps.rs), and what blind-rsa-signatures 0.18.0 does in their place.
 * `times`: how often the package takes the step for a pass; 0 for what is once per key, a part of another step, or not taken.
 */
export const STEPS = {
  modulus: { times: 0, title: 'what is computed for a modulus', when: 'once per key' },
  encode: { times: 1, title: 'hashing and EMSA-PSS-ENCODE', when: 'blind' },
  random: { times: 1, title: 'the blinding factor r, by rejection', when: 'blind' },
  inverse: { times: 1, title: 'the inverse of m·r, constant-time: of r, and proof that m is coprime to n', when: 'blind' },
  power: { times: 2, title: 'a number to the power of e, by 16 squarings and a product', when: 'blind, finalize' },
  form: { times: 4, title: 'bringing a number into Montgomery form', when: 'blind twice, finalize twice' },
  times: { times: 6, title: 'a product of which one number is in Montgomery form', when: 'blind four times, finalize twice' },
  decode: { times: 1, title: 'EMSA-PSS-VERIFY', when: 'finalize' },
  parse: { times: 0, title: 'reading the key, with its Montgomery parameters', when: '`blind-rsa-signatures`' },
  gcd: { times: 0, title: 'is the message coprime to n: a constant-time inversion in all but name', when: '`blind-rsa-signatures`' },
  invert: { times: 0, title: 'the inverse of r, constant-time', when: '`blind-rsa-signatures`' },
  pow64: { times: 0, title: 'r^e over all bits that e has room for', when: '`blind-rsa-signatures`' },
  mul_mod: { times: 0, title: 'a product mod n, by division', when: '`blind-rsa-signatures`' },
  verify: { times: 0, title: 'RSA-PSS verification', when: '`blind-rsa-signatures`' },
  invert_bigint: { times: 0, title: 'the inverse of r by Euclid in BigInt, in a time that depends on r', when: 'instead', inJavaScript: true },
};

/**
 * What makes a pass faster than blind-rsa-signatures makes it. `saves` answers milliseconds from those of the steps.
 * `taken`: whether the package does it already.
 */
export const MENDS = [
  {
    title: 'one inversion instead of two: m is coprime to n, and r too, if m·r has an inverse, from which a product makes that of r',
    taken: true,
    saves: ({ gcd, times, form }) => gcd - 2 * times - form,
  },
  {
    title: 'an inversion by divsteps from one half, thirty at a time over limbs of 30 bits in words of 32',
    taken: true,
    saves: ({ invert, inverse }) => invert - inverse,
  },
  {
    title: 'r^e by 16 squarings and a product: e is public, so the time may depend on it',
    taken: true,
    saves: ({ pow64, power, form }) => pow64 - power - form,
  },
  {
    title: 'issuer keys parsed once and kept with their Montgomery parameters',
    taken: true,
    // Blinding and finalizing each read the key.
    saves: ({ parse }) => 2 * parse,
  },
  {
    title: 'products mod n in Montgomery form, not by division',
    taken: true,
    saves: ({ mul_mod: product, times, form }) => 2 * (product - times - form),
  },
  {
    title: 'verification by 16 squarings and a product',
    taken: true,
    saves: ({ verify, power, form, times, decode }) => verify - power - form - times - decode,
  },
  {
    title: 'verification by WebCrypto, which would make `finalizePrivacyPass` asynchronous',
    taken: false,
    saves: ({ power, form, times, decode }, { webcryptoVerify }) => power + form + times + decode - webcryptoVerify,
  },
  {
    title: 'r and r^e made ahead, when nobody waits, for they depend on the key alone: less time, and as much work',
    taken: false,
    saves: ({ random, power, form }) => random + power + form,
  },
  {
    title: 'squarings that multiply two different words once and not twice: at most a quarter less for each, and more code',
    taken: false,
    saves: ({ power }) => 2 * (16 / 17) * (power / 4),
  },
  {
    title: 'inverting m·r/R, whose inverse times m over R is that of r: m is not brought into Montgomery form',
    taken: false,
    saves: ({ form }) => form,
  },
];
