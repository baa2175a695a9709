// The tests' process for JavaScript and TypeScript: none of the candidate's code runs here; its names are handles.
'use strict';
const assert = require('node:assert');
const { Link, readFrame, writeFrame } = require('./common.js');

const HARNESS = 3, CANDIDATE = 4;

const AsyncFunction = (async () => {}).constructor;

class AssertionError extends Error {}

// `console.assert` only prints; in a test it is meant.
const strict = Object.create(console, {
  assert: { value: (holds, ...rest) => { if (!holds) throw Object.assign(new AssertionError(rest.join(' ')), { name: 'AssertionError' }); } },
});

function namesFor(code, entry, link) {
  const names = { assert, require, console: strict };
  for (const name of new Set(code.match(/[A-Za-z_$][\w$]*/g) ?? [])) {
    // A candidate may not stand in for the globals that a test relies on.
    if (name !== entry && (name in names || name in globalThis)) continue;
    const found = link.name(name);
    if (found !== undefined) names[name] = found.value;
  }
  return names;
}

async function check(code, entry, link) {
  try {
    const names = namesFor(code, entry, link);
    // Not in a context of its own: the assertions compare prototypes, and those of another context differ.
    await new AsyncFunction(...Object.keys(names), `{\n${code}\n}`)(...Object.values(names));
    return { kind: 'passed' };
  } catch (error) {
    const isError = error !== null && typeof error === 'object' && 'message' in error;
    const message = String(isError ? `${error.name}: ${error.message}` : error).slice(0, 300);
    return { kind: 'failed', text: String(isError ? error.name : 'thrown'), message };
  }
}

async function main() {
  const { language, entry } = readFrame(HARNESS);
  for (;;) {
    const { code } = readFrame(HARNESS);
    const plain = language === 'typescript' ? require('node:module').stripTypeScriptTypes(code) : code;
    const handed = (op, target) => op === 'call' && typeof target === 'function';
    const link = new Link(CANDIDATE, handed, () => undefined);
    const report = await check(plain, entry, link);
    writeFrame(CANDIDATE, { op: 'end' });
    writeFrame(HARNESS, link.broken ? { kind: 'crashed' } : report);
  }
}

process.on('unhandledRejection', () => {});
main().catch(() => process.exit(0));
