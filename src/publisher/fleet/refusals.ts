/** Requests that got no list, by the name that was given, whoever gave it: does one of that name ask in vain? Pure. */

/** `refused`: answered 401 or 403. `failed`: for the manifest, and answered with what is no manifest. */
export type How = 'refused' | 'failed';

export interface Refused {
  refused: number;
  failed: number;
  /** The last answer, and when in seconds since 1970. */
  status: number;
  statusAt: number;
}

const none = (): Refused => ({ refused: 0, failed: 0, status: 0, statusAt: -Infinity });

export class Refusals {
  readonly #most: number;
  readonly names = new Map<string, Refused>();
  #others = 0;
  readonly #failed = none();

  /** @param most names that nobody expects: whoever is refused must not fill the memory */
  constructor(most: number) {
    this.#most = most;
  }

  of(name: string): Readonly<Refused> | null {
    return this.names.get(name) ?? null;
  }

  /** The status of the last request for the manifest that failed; 0 if none did. */
  get failedStatus(): number {
    return this.#failed.status;
  }

  /** @param name null: none was given */
  note(how: How, name: string | null, isExpected: boolean, status: number, time: number): void {
    if (how === 'failed') note(this.#failed, how, status, time);
    if (name === null) return;
    let found = this.names.get(name);
    if (found === undefined) {
      if (!isExpected && this.#others >= this.#most) return;
      if (!isExpected) this.#others++;
      found = none();
      this.names.set(name, found);
    }
    note(found, how, status, time);
  }
}

/** The order of lines says nothing: of two in one second the higher status counts. */
function note(refused: Refused, how: How, status: number, time: number): void {
  refused[how]++;
  if (time < refused.statusAt || (time === refused.statusAt && status < refused.status)) return;
  refused.status = status;
  refused.statusAt = time;
}
