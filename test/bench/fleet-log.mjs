// `npm run bench:fleet-log -- [--gateways N] [--minutes N] [--format nginx, json, caddy or s3] [--rounds N]`: a day's
// access log of ten thousand gateways, 14.4 million lines, read by `relaymap-publish fleet` and by `wc -l`, in turns.
// Prints both, the ratio and the peak of memory.
import { execFileSync } from 'node:child_process';
import { chmodSync, closeSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compare } from './measure.mjs';

const command = fileURLToPath(new URL('../../dist/bin/relaymap-publish.js', import.meta.url));
const { values } = parseArgs({
  options: {
    gateways: { type: 'string', default: '10000' },
    minutes: { type: 'string', default: '1440' },
    format: { type: 'string', default: 'nginx' },
    rounds: { type: 'string', default: '3' },
  },
});
const [gateways, minutes, rounds] = [values.gateways, values.minutes, values.rounds].map(Number);

const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-fleet-log-'));
chmodSync(dir, 0o755);
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
const log = path.join(dir, 'access.log');

/** The names of months in the common log format. */
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
const common = (iso) =>
  `${iso.slice(8, 10)}/${MONTHS[Number(iso.slice(5, 7)) - 1]}/${iso.slice(0, 4)}:${iso.slice(11, 19)} +0000`;

let seed = 1;
const chance = () => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff) / 0x80000000;

/** The lines of each format: what varies in real ones varies here too. */
const LINES = {
  nginx: ({ iso, address, agent, name }) =>
    `${address} - - [${common(iso)}] "GET /example-org/manifest.json HTTP/1.1" 304 0 "-" "${agent}" tls=SUCCESS dn="CN=${name},O=Example"`,
  json: ({ iso, agent, name }) =>
    `{"time":"${iso.slice(0, 20)}${String(Math.floor(chance() * 1000)).padStart(3, '0')}Z","site":"/example-org/","method":"GET","path":"/example-org/manifest.json","status":304,"bytes":0,"ms":${Math.floor(chance() * 12)},"complete":true,"userAgent":"${agent}","cn":null,"token":"${name}"}`,
  // Caddy writes headers in the order of a Go map: a different one each time.
  caddy: ({ iso, address, agent, name }) => {
    const headers = [`"User-Agent":["${agent}"]`, '"If-None-Match":["\\"abcdef0123456789\\""]', '"Accept":["*/*"]'];
    const first = Math.floor(chance() * 3);
    const turned = [...headers.slice(first), ...headers.slice(0, first)].join(',');
    return `{"level":"info","ts":${Date.parse(iso) / 1000 + Math.floor(chance() * 1e6) / 1e6},"logger":"http.log.access.log0","msg":"handled request","request":{"remote_ip":"${address}","remote_port":"${40_000 + Math.floor(chance() * 20_000)}","client_ip":"${address}","proto":"HTTP/2.0","method":"GET","host":"list.example.org","uri":"/example-org/manifest.json","headers":{${turned}},"tls":{"resumed":false,"version":772,"cipher_suite":4865,"proto":"h2","server_name":"list.example.org","client_common_name":"${name}","client_serial":"1"}},"bytes_read":0,"user_id":"","duration":${Math.floor(chance() * 1e6) / 1e9},"size":0,"status":304,"resp_headers":{"Server":["Caddy"],"Etag":["\\"abcdef0123456789\\""]}}`;
  },
  s3: ({ iso, address, agent }) => {
    const id = Math.floor(chance() * 2 ** 31).toString(16);
    return `79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be lists [${common(iso)}] ${address} - ${id.padStart(16, 'E')} REST.GET.OBJECT example-org/manifest.json "GET /lists/example-org/manifest.json HTTP/1.1" 304 - - 2113 ${Math.floor(chance() * 40)} ${Math.floor(chance() * 30)} "-" "${agent}" - ${id.padStart(76, 'h')}= SigV4 TLS_AES_128_GCM_SHA256 AuthHeader lists.s3.eu-central-1.amazonaws.com TLSv1.3 - -`;
  },
};

function lineOf(iso, gateway, version) {
  const name = `mx${gateway}.example.net`;
  const agent = `relaymap/0.1.0 (example-org=${version}; last=OK; id=${name})`;
  const address = `10.${gateway >> 16}.${(gateway >> 8) & 255}.${gateway & 255}`;
  return `${LINES[values.format]({ iso, address, agent, name })}\n`;
}

/** Each gateway once a minute, at a second of its own each time; a version an hour. */
function writeLog() {
  const fd = openSync(log, 'w');
  const start = Math.floor(Date.now() / 60_000) * 60 - minutes * 60;
  for (let minute = 0; minute < minutes; minute++) {
    const seconds = Array.from({ length: 60 }, () => []);
    for (let gateway = 0; gateway < gateways; gateway++) seconds[Math.floor(chance() * 60)].push(gateway);
    const lines = seconds.flatMap((polls, second) => {
      const iso = new Date((start + minute * 60 + second) * 1000).toISOString();
      return polls.map((gateway) => lineOf(iso, gateway, 1 + Math.floor(minute / 60)));
    });
    writeSync(fd, lines.join(''));
  }
  closeSync(fd);
}

writeLog();
const config = path.join(dir, 'publish.toml');
writeFileSync(
  config,
  `name = "example-org"\noutput = "${dir}/output"\nstate_dir = "${dir}/state"\nkeys = ["${dir}/key"]\n[[source]]\ntype = "file"\npath = "${dir}/list"\n`,
);
const lines = gateways * minutes;
const { size } = statSync(log);
execFileSync('wc', ['-l', log]); // into the cache, as far as it fits
const fleet = {
  name: 'relaymap-publish fleet',
  argv: [process.execPath, command, 'fleet', '--config', config, '--log', log, '--json'],
  check: (stdout) => {
    const said = JSON.parse(stdout);
    if (said.log.lines !== lines || said.counts.gateways !== gateways) throw new Error(stdout.slice(0, 500));
  },
};
const { ours, yardstick } = await compare(
  { rounds, ours: fleet, yardstick: { name: 'wc -l', argv: ['wc', '-l', log] } },
  dir,
);
const least = (side, of) => Math.min(...side.runs.map(of));
for (const side of [ours, yardstick]) {
  const [wall, cpu] = [least(side, (run) => run.wall), least(side, (run) => run.cpu)];
  const peak = Math.max(...side.runs.map((run) => run.peak));
  console.log(
    `${side.name}: ${(wall / 1000).toFixed(2)} s, CPU ${(cpu / 1000).toFixed(2)} s (${Math.round((cpu / lines) * 1e6)} ns a line), ${Math.round(peak)} MiB`,
  );
}
const ratio = (of) => (least(ours, of) / least(yardstick, of)).toFixed(1);
console.log(
  `${lines.toLocaleString('en')} lines of ${values.format}, ${(size / 1e9).toFixed(2)} GB: ${ratio((run) => run.wall)} x wc -l by the clock, ${ratio((run) => run.cpu)} x by CPU`,
);
