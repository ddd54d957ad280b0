/**
 * The command line of one cycle: `fetch` and `import`. It is built as one CommonJS file with all that it needs.
 * Otherwise a cycle that finds nothing new, which runs every minute on every host, would spend a third of its time
 * in Node's module loader.
 */
import '../io/v8-baseline-wasm.ts'; // before undici
import { addFetch, addImport, gatewayMain, gatewayProgram } from './gateway/fetch-options.ts';

let status = 0;
const done = (given: number): void => void (status = given);

const program = gatewayProgram();
addFetch(program, done);
addImport(program, done);
void gatewayMain(program, () => status);
