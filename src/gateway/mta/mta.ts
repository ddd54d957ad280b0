/**
 * What relaymap asks of the mail server beside it, whatever its kind. Every kind answers these questions and no
 * others, so that health, the cycle and `status` know nothing of main.cf. Types only; of-config.ts chooses the
 * kind, mta-kinds.ts has what is fixed for each of them. docs/CONTRIBUTING.md says how a kind is added.
 */
import type { ASKED_MAPS } from '../map-files.ts';
import type { Kind, KindFacts } from '../mta-kinds.ts';

export type MapName = (typeof ASKED_MAPS)[number];

/** A place in the server's configuration that names one of our maps. */
export interface Use {
  readonly map: MapName;
  /** The parameter, for a person: `relay_recipient_maps`. */
  readonly where: string;
}

/** What one instance of the server says of itself now. */
export interface InstanceLook {
  /** Its configuration, a file or a folder: it names the instance. */
  readonly instance: string;
  /** Null where it could not be asked. */
  readonly uses: readonly Use[] | null;
  /** Why it could not be asked. */
  readonly why: string | null;
}

/**
 * `done`: reloaded, or no server runs here and nothing is pending. `asked`: the request is made and not yet served.
 * `pending`: refused.
 */
export type Reload = 'done' | 'asked' | 'pending';

/** For the cycle, the daemon, health and status: loaded at every poll, so it costs next to nothing. */
export interface Mta extends KindFacts {
  readonly kind: Kind;
  /** All instances that are to use the maps. */
  readonly instances: readonly string[];
  /** By instance: a text that is another one when its configuration has been changed. Costs next to nothing. */
  marks(): ReadonlyMap<string, string>;
  /** Which instance names which of our maps. Takes some ten milliseconds for each. */
  look(): readonly InstanceLook[];
  /**
   * What it is to find in the map of next hops for one of them (docs/bundle-format.md section 8), a domain being the
   * key: `relay:[mx.example.org]:25`, in the form that it reads.
   */
  route(nextHop: string): string;
  /** Has all of them told of new maps, or asks for it. */
  reload(): Reload;
  /** Whether a request that an unprivileged process made has been served. */
  reloadServed(): boolean;
  /** Null where that cannot be seen. */
  isRunning(instance: string): boolean | null;
}
