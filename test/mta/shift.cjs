// A wall clock that is SHIFT_MS ahead, for one command that is begun with --require of this file.
'use strict';
const ahead = Number(process.env.SHIFT_MS);
const { now } = Date;
const Real = Date;
global.Date = class extends Real {
  constructor(...args) {
    super(...(args.length === 0 ? [now() + ahead] : args));
  }
  static now() {
    return now() + ahead;
  }
};
