// A log of sixty gateways as `serve` writes it: most have the newest version, a few lag, one is refused, one is silent,
// and a stranger took the table.
const PLACES = ['fra', 'ams', 'vie', 'lon', 'waw', 'mad'];

/** @param now seconds since 1970. @param version that is out since `published`, in the same seconds. */
export function fleetLog(now: number, version = 1, published = now - 1500): string {
  const lines: string[] = [];
  const add = (at: number, further: object) => {
    const time = new Date(Math.min(at, now) * 1000).toISOString();
    const usual = { time, site: '/', method: 'GET', path: '/manifest.json', status: 304, bytes: 0, ms: 1 };
    lines.push(
      JSON.stringify({ ...usual, complete: true, userAgent: 'curl/8.5.0', cn: null, token: null, ...further }),
    );
  };
  let seed = 7;
  const chance = () => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
  for (let i = 0; i < 60; i++) {
    const cn = `mx${i % 10}.${PLACES[Math.floor(i / 10)] ?? ''}.example.net`;
    const software = i % 7 === 3 ? '0.0.9' : '0.1.0';
    const poll = (at: number, runs: number, last = 'OK') =>
      add(at, { cn, userAgent: `relaymap/${software} (example-org=${Math.max(0, runs)}; last=${last}; id=${cn})` });
    const second = Math.floor(chance() * 60);
    const took = 20 + Math.round(chance() * 25 + chance() ** 4 * 60);
    poll(now - 4 * 3600 - second, version - (i === 12 ? 2 : 1));
    if (i === 31) continue;
    if (i === 7) poll(now - 3 * 3600, version - 1);
    else if (i === 18 || i === 44)
      for (let at = published; at < now; at += 60) poll(at + second, version - 1, i === 18 ? 'SHRUNK' : 'HELD');
    else for (let at = published + took; at < now; at += 60) poll(at, version);
  }
  add(now - 900, { path: `/recipients/${'ab'.repeat(32)}.gz`, status: 200, remote_addr: '203.0.113.77' });
  const claim = (id: string, runs: number, address: string) =>
    add(now - 90, {
      userAgent: `relaymap/0.1.0 (example-org=${Math.max(0, runs)}; last=OK; id=${id})`,
      remote_addr: address,
    });
  claim('mx1.fra.example.net', version, '198.51.100.9');
  claim('laptop', version - 1, '198.51.100.10');
  return `${lines.join('\n')}\n`;
}
