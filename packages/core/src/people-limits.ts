/** Bounds on people: their names, passwords and second factors, and their ways of signing in. */
export const peopleLimits = {
  /** Password hashes computed at once, and waiting: argon2id takes 19 MiB and 20 ms each. */
  slowHashConcurrencyMax: 2,
  slowHashQueueMax: 64,
  /** A name people type: an e-mail address fits (RFC 5321 §4.5.3.1: 254). */
  usernameCharsMax: 255,
  /** NIST SP 800-63B §5.1.1.2: eight or more, and far more than 64 taken. */
  passwordCharsMin: 8,
  passwordBytesMax: 1024,
  /** All claims of one user as JSON: an address and URLs fit, a picture does not. */
  userClaimsCharsMax: 16 * 1024,
  /**
   * Failed sign-ins of one account in a row before attempts must wait, how long they wait at most
   * (doubling from a second), and when the failures are forgotten: see docs/users.md.
   */
  signInFailuresFree: 10,
  signInDelaySecondsMax: 900,
  signInFailuresKeptSeconds: 86_400,
  /**
   * A code of a time step is taken this many steps early or late: clocks of phones differ, and
   * people type slowly (RFC 6238 §5.2).
   */
  totpStepsWindow: 1,
  /** Recovery codes made at once, each of 120 random bits. */
  recoveryCodesCount: 10,
  /** How long a passkey's challenge may wait for its answer: the person must find the device. */
  passkeyChallengeSeconds: 300,
  passkeysMax: 20,
  /** How long a password may be set with a reset token, and how soon another is sent. */
  passwordResetSeconds: 1_800,
  passwordResetPauseSeconds: 60,
  /** How long a browser counts as one in which its user has signed in. */
  knownBrowserSeconds: 90 * 86_400,
  /** A mail server that takes longer for one step is treated as absent. */
  mailTimeoutMs: 10_000,
  /** Between the password and the second factor: a person looks for the phone. */
  secondStepSeconds: 300,
  /** Looks at a count of attempts that others change at the same moment. */
  signInRacesMax: 20,
  /** A sign-in is recent for as long: what outlives a session is given to nobody later. */
  freshSignInMs: 900_000,
} as const;
