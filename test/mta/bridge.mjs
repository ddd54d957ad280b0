// Joins two network namespaces, which share nothing but a folder: run inside the one of a mail server, it passes the
// connections to a socket in the folder on to its port 25, and those to a port of its loopback on to a socket in the
// folder. Arguments: the folder, that port, and the address from which mail comes; its loopback's without.
import { connect, createServer } from 'node:net';

const [, , folder, port, from] = process.argv;
const server = { port: 25, host: '127.0.0.1', ...(from === undefined ? {} : { localAddress: from }) };

function pass(from, to) {
  from.on('error', () => to.destroy()).on('close', () => to.destroy());
  to.on('error', () => from.destroy()).on('close', () => from.destroy());
  from.pipe(to);
  to.pipe(from);
}

createServer((socket) => pass(socket, connect(server))).listen(`${folder}/smtp.sock`, () => {
  createServer((socket) => pass(socket, connect(`${folder}/https.sock`))).listen(Number(port), '127.0.0.1', () => {
    process.stdout.write('ready\n');
  });
});
