// The yardstick of what is over in a moment: Node itself, doing nothing.
export const bareNode = { name: 'node -e 0', argv: [process.execPath, '-e', '0'] };
