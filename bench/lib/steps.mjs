/**
 * The steps of a pass, each measured alone (bench/crate/src/steps.rs), and what blind-rsa-signatures 0.18.0 does in their place.
 * `times`: how often the package takes the step for a pass; 0 for what is once per key, a part of another step, or not taken.
 */
export const STEPS = {
  parse: { times: 0, title: 'reading the key, with its Montgomery parameters', when: 'once per key' },
  montgomery: { times: 0, title: 'Montgomery parameters alone', when: 'once per key' },
  hash: { times: 0, title: 'SHA-384 of the token input', when: 'part of the next one' },
  encode: { times: 1, title: 'hashing and EMSA-PSS-ENCODE', when: 'blind' },
  random: { times: 1, title: 'the blinding factor r, by rejection', when: 'blind' },
  inverse: { times: 1, title: 'the inverse of m·r, constant-time: of r, and proof that m is coprime to n', when: 'blind' },
  squarings: { times: 1, title: 'r^e by 16 squarings and a product', when: 'blind' },
  montgomery_form: { times: 3, title: 'bringing a number into Montgomery form', when: 'blind twice, finalize' },
  montgomery_mul: { times: 5, title: 'a product of which one number is in Montgomery form', when: 'blind four times, finalize' },
  verify: { times: 1, title: 'RSA-PSS verification', when: 'finalize' },
  gcd: { times: 0, title: 'is the message coprime to n: a constant-time inversion in all but name', when: '`blind-rsa-signatures`' },
  invert: { times: 0, title: 'the inverse of r, constant-time', when: '`blind-rsa-signatures`' },
  pow64: { times: 0, title: 'r^e over all bits that e has room for', when: '`blind-rsa-signatures`' },
  mul_mod: { times: 0, title: 'a product mod n, by division', when: '`blind-rsa-signatures`' },
  invert_bigint: { times: 0, title: 'the inverse of r by Euclid in BigInt, in a time that depends on r', when: 'instead', inJavaScript: true },
  reduction: { times: 0, title: 'a Montgomery reduction alone', when: 'instead' },
};

/**
 * What makes a pass faster than blind-rsa-signatures makes it. `saves` answers milliseconds from those of the steps.
 * `taken`: whether the package does it already.
 */
export const MENDS = [
  {
    title: 'one inversion instead of two: m is coprime to n, and r too, if m·r has an inverse, from which a product makes that of r',
    taken: true,
    saves: ({ gcd, montgomery_mul: product, montgomery_form: form }) => gcd - 2 * product - form,
  },
  {
    title: 'an inversion by divsteps from one half, thirty at a time over words of 32 bits',
    taken: true,
    saves: ({ invert, inverse }) => invert - inverse,
  },
  {
    title: 'r^e by 16 squarings and a product: e is public, so the time may depend on it',
    taken: true,
    saves: ({ pow64, squarings, montgomery_form: form }) => pow64 - squarings - form,
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
    saves: ({ mul_mod: product, montgomery_mul: montgomery, montgomery_form: form }) => 2 * (product - montgomery - form),
  },
  {
    title: 'verification by WebCrypto, which would make `finalizePrivacyPass` asynchronous',
    taken: false,
    saves: ({ verify }, { webcryptoVerify }) => verify - webcryptoVerify,
  },
  {
    title: 'or verification by 16 squarings and a product',
    taken: false,
    // Undoing EMSA-PSS takes as long as doing it.
    saves: ({ verify, squarings, montgomery_form: form, reduction, encode }) => verify - squarings - form - reduction - encode,
  },
  {
    title: 'r and r^e made ahead, when nobody waits, for they depend on the key alone: less time, and as much work',
    taken: false,
    saves: ({ random, squarings, montgomery_form: form }) => random + squarings + form,
  },
  {
    title: 'inverting m·r/R, whose inverse times m over R is that of r: m is not brought into Montgomery form',
    taken: false,
    saves: ({ montgomery_form: form }) => form,
  },
];
