/**
 * The files and folders of a publisher's `state_dir`. A list of /etc/relaymap-publish/NAME.toml has its state beside
 * those of /var/lib/relaymap-publish itself, so it may have none of these names.
 */
export const STATE_NAMES = {
  record: 'state.json',
  status: 'status.json',
  cosigned: 'cosign.json',
  keyringStart: 'keyring-start.json',
  lock: 'lock',
  tables: 'tables',
  transport: 'transport',
  sources: 'sources',
  waiting: 'waiting',
  candidates: 'candidates',
} as const;
