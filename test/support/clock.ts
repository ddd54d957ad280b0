// A wall clock that is elsewhere, for one command: days pass for it while the test waits for nothing. Debian's
// libfaketime.

/**
 * The environment of a command whose wall clock is so far from ours, `+2h` or `-1d`. Timers, the steady clock and
 * the times of files stay real, as they do when a clock is set.
 */
export const clockAt = (offset: string): Record<string, string> => ({
  LD_PRELOAD: '/usr/$LIB/faketime/libfaketimeMT.so.1',
  FAKETIME: offset,
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
  NO_FAKE_STAT: '1',
});

/** The same as a command that runs a command. */
export const underClock = (offset: string): readonly string[] => [
  'env',
  ...Object.entries(clockAt(offset)).map(([name, value]) => `${name}=${value}`),
];
