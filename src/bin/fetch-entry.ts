/**
 * The command line of one cycle: `fetch` and `import`. Built as one CommonJS file that holds all they need: a cycle in which nothing has
 * changed, each minute on each host, would else spend a third of its time in Node's module loader.
 */
import '../io/v8-baseline-wasm.ts'; // before undici
import { addFetch, addImport, gatewayMain, gatewayProgram } from './gateway/fetch-options.ts';

let status = 0;
const done = (given: number): void => void (status = given);

const program = gatewayProgram();
addFetch(program, done);
addImport(program, done);
void gatewayMain(program, () => status);
