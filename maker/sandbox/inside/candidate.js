// The candidate's process for JavaScript and TypeScript: each input gets a fresh context in which the source is run again.
'use strict';
const vm = require('node:vm');
const { createRequire } = require('node:module');
const { createHash } = require('node:crypto');
const { Link, readFrame, writeFrame, tag, isPlainObject } = require('./common.js');

const HARNESS = 3, TESTS = 4;
const MAX_NODES = 200000, MAX_TEXT = 4096, MAX_DEPTH = 150, DRAINED = 1000;
const MAX_GLANCE = 20000; // parts and characters looked at where looking must cost next to nothing
const DIGITS = 12; // significant ones of a fraction: sums in another order differ only behind them

class TooLong extends Error {}

// The value as text: equal for equal behaviour, whatever the order of keys.
const canonical = (value) => shortened(written(value, MAX_NODES, false));

// The text of something still in use: an iterator is not drained, what is large or fails is `...`.
function glance(value) {
  try {
    return written(value, MAX_GLANCE, true);
  } catch {
    return '...';
  }
}

function written(value, most, inUse) {
  let left = most;
  const write = (item, path) => {
    if (inUse && typeof item === 'string') left -= item.length;
    if (--left < 0) throw new TooLong();
    if (item === null || item === undefined || typeof item === 'boolean') return String(item);
    if (typeof item === 'number') return String(Number.isInteger(item) ? (item === 0 ? 0 : item) : Number(item.toPrecision(DIGITS)));
    if (typeof item === 'bigint') return `${item}n`;
    if (typeof item === 'string') return JSON.stringify(item);
    if (typeof item === 'symbol') return item.toString();
    if (typeof item === 'function') return `<function ${item.name}>`;
    if (path.includes(item)) return '<cycle>';
    if (path.length > MAX_DEPTH) return '<deep>';
    const inner = (one) => write(one, [...path, item]);
    if (Array.isArray(item)) return `[${Array.from(item, inner).join(', ')}]`;
    return inUse && isIterator(item) ? '<iterator>' : writeObject(item, inner);
  };
  return write(value, []);
}

function shortened(text) {
  if (text.length <= MAX_TEXT) return text;
  const digest = createHash('sha256').update(text).digest('hex');
  return `${text.slice(0, 200)}… (${text.length} characters, sha256 ${digest})`;
}

const isIterator = (item) => typeof item.next === 'function' && typeof item[Symbol.iterator] === 'function';

function writeObject(item, inner) {
  const name = item.constructor?.name ?? '';
  switch (tag(item)) {
    case 'Date': return `Date(${Number.isNaN(item.getTime()) ? 'invalid' : item.toISOString()})`;
    case 'RegExp': return String(item);
    case 'Map': return `Map{${Array.from(item, ([key, one]) => `${inner(key)}: ${inner(one)}`).sort().join(', ')}}`;
    case 'Set': return `Set{${Array.from(item, inner).sort().join(', ')}}`;
    case 'Error': return `${item.name}(${JSON.stringify(item.message)})`;
  }
  if (ArrayBuffer.isView(item)) return `${name}[${Array.from(item, inner).join(', ')}]`;
  if (isIterator(item)) {
    const taken = [];
    for (const one of item) if (taken.push(one) > DRAINED) break;
    const more = taken.length > DRAINED ? ', more' : '';
    return `iterator[${taken.slice(0, DRAINED).map(inner).join(', ')}${more}]`;
  }
  const keys = Object.keys(item).sort();
  const body = keys.map((key) => `${JSON.stringify(key)}: ${inner(item[key])}`).join(', ');
  return `${isPlainObject(item) ? '' : name}{${body}}`;
}

const IMPORT = /^import\s+(?:([\w$]+)?\s*,?\s*(?:\*\s+as\s+([\w$]+)|(\{[^}]*\}))?\s+from\s+)?(['"].*?['"])/gm;

function required(_, usual, all, names, from) {
  const declared = [usual, all, names?.replace(/\bas\b/g, ':')].filter(Boolean);
  return declared.length ? `const ${declared.map((one) => `${one} = require(${from})`).join(', ')}` : `require(${from})`;
}

// Modules become scripts: what is exported is simply there, what is imported is required.
function asScript(source) {
  return source
    .replace(IMPORT, required)
    .replace(/^export\s+default\s+(?=(async\s+)?(function|class)\s+\w)/gm, '')
    .replace(/^export\s+default\s+/gm, 'module.exports = ')
    .replace(/^export\s+\{[^}]*\}\s*;?/gm, '')
    .replace(/^export\s+/gm, '');
}

const NAME = /[\p{ID_Start}$_][\p{ID_Continue}$]*/gu;

// How a source is run in a context: at its top level, or where it awaits there, in a scope; that gives a promise.
function prepared(source, language) {
  const text = scriptOf(source, language);
  try {
    const script = new vm.Script(text, { filename: 'candidate.js' });
    return (context) => void script.runInContext(context);
  } catch (error) {
    if (!/\bawait\b/.test(text)) throw error;
    try {
      return scoped(text);
    } catch {
      throw error;
    }
  }
}

function scriptOf(source, language) {
  const plain = language === 'typescript' ? require('node:module').stripTypeScriptTypes(source) : source;
  return asScript(plain.replace(/^#!.*/, ''));
}

// Runs in a function of its own, from which its names are lent to the global object: it clashes with no other source.
function scoped(text) {
  const tell = 'function () { return eval(arguments[0]); }';
  const script = new vm.Script(`(async function () {${text}\nreturn ${tell};\n})()`, { filename: 'candidate.js' });
  const names = new Set(text.match(NAME));
  for (const name of ['this', 'arguments']) names.delete(name);
  return async (context) => {
    const told = await script.runInContext(context);
    for (const name of names) lend(context, name, told);
  };
}

// As it is now, whenever it is asked for; whoever sets or declares the name has one of his own.
function lend(context, name, told) {
  if (!declares(context, name, told)) return;
  const shown = { configurable: true, enumerable: true };
  const set = (value) => Object.defineProperty(context, name, { value, writable: true, ...shown });
  Object.defineProperty(context, name, { get: () => told(name), set, ...shown });
}

function declares(context, name, told) {
  let inside;
  try {
    inside = told(name);
  } catch {
    return false; // a keyword, or nothing
  }
  try {
    return !Object.is(inside, vm.runInContext(name, context));
  } catch {
    return true;
  }
}

// `require` is that of the file which the source is to become.
function freshContext(where, beside) {
  const module = { exports: {} };
  const load = createRequire(where || __filename);
  // What earlier steps wrote is in this context, whatever file an import finds it in.
  const require = Object.assign((id) => {
    try {
      return load(id);
    } catch (error) {
      if (!/^\.\.?\//.test(id) || error.code !== 'MODULE_NOT_FOUND' || !beside) throw error;
      return new Proxy({}, { get: (_, name) => context[name] });
    }
  }, load);
  const context = vm.createContext({
    module, exports: module.exports, require, console, process, Buffer, URL, URLSearchParams, TextEncoder, TextDecoder,
    setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, queueMicrotask, structuredClone, performance,
  });
  context.global = context;
  return context;
}

function lookUp(context, name) {
  try {
    if (vm.runInContext(`typeof ${name} !== 'undefined'`, context)) return { value: vm.runInContext(name, context) };
  } catch {
    return undefined; // a keyword
  }
  const { exports } = context.module;
  return exports !== null && typeof exports === 'object' && name in exports ? { value: exports[name] } : undefined;
}

// What is only exported is there by its name too: a call may say `add(1, 2)` of `exports.add = ...`.
function shared(context) {
  const { exports } = context.module;
  if (exports === null || typeof exports !== 'object') return;
  for (const name of Object.keys(exports)) {
    try {
      if (vm.runInContext(`typeof ${name}`, context) === 'undefined') context[name] = exports[name];
    } catch {} // no identifier
  }
}

const described = (error) => (error !== null && typeof error === 'object' && 'message' in error ? `${error.name}: ${error.message}` : String(error)).slice(0, 300);

const CALL = /^\s*([\w$.]+)\s*\(([^]*)\)\s*$/;
const KEPT = '__arguments_kept';

// What gives the expression's value; where it is one call, its arguments go through `keep` first, in their order.
function evaluation(expression, context, keep) {
  const whole = new vm.Script(`(${expression}\n)`);
  const [, callee, list] = CALL.exec(expression) ?? [];
  try {
    new vm.Script(`[${list}\n]`); // no list if the first parenthesis is not closed by the last one
    const call = vm.compileFunction(`return ${callee}(...${KEPT}([${list}\n]))`, [KEPT], { parsingContext: context });
    if (callee) return () => call(keep);
  } catch {
    // none whose arguments can be told
  }
  return () => whole.runInContext(context);
}

async function observe(context, expression) {
  let kept = [], before = [];
  const keep = (list) => ((before = list.map(glance)), (kept = list));
  const told = () => {
    const now = kept.map(glance);
    return now.some((text, at) => text !== before[at]) ? `; arguments afterwards: ${shortened(now.join(', '))}` : '';
  };
  try {
    const value = await evaluation(expression, context, keep)();
    return { kind: 'returned', text: canonical(value) + (value === undefined ? told() : '') };
  } catch (error) {
    if (error instanceof TooLong) return { kind: 'too long' };
    return { kind: 'raised', text: String(error?.name ?? 'thrown'), message: described(error) };
  }
}

async function serve(context) {
  const link = new Link(TESTS, () => true, (name) => lookUp(context, name));
  for (;;) {
    const request = readFrame(TESTS);
    if (request.op === 'end') return { kind: 'served' };
    const reply = link.answer(request);
    if (reply.promise) {
      try {
        reply.value = link.pack(await reply.promise);
      } catch (error) {
        reply.raised = link.spell(error);
      }
      reply.promise = true;
    }
    writeFrame(TESTS, reply);
  }
}

async function main() {
  const { source, earlier, language, entry, where } = readFrame(HARNESS);
  const runs = [];
  // A promise only if there is something to wait for: each turn of the queue shows in what a candidate does.
  const fill = (context) => runs.reduce((before, run) => (before ? before.then(() => run(context)) : run(context)), undefined);
  try {
    runs.push(...earlier.map((one) => scoped(scriptOf(one, language))), prepared(source, language));
    const context = freshContext(where, earlier.length > 0);
    const filling = fill(context);
    if (filling) await filling;
    if (entry && !lookUp(context, entry)) throw new ReferenceError(`${entry} is not defined`);
    writeFrame(HARNESS, { loads: true, error: '' });
  } catch (error) {
    writeFrame(HARNESS, { loads: false, error: described(error) });
    process.exit(0);
  }
  for (;;) {
    const request = readFrame(HARNESS);
    const context = freshContext(where, earlier.length > 0);
    const filling = fill(context);
    if (filling) await filling;
    shared(context);
    writeFrame(HARNESS, 'expression' in request ? await observe(context, request.expression) : await serve(context));
  }
}

process.on('unhandledRejection', () => {});
main().catch(() => process.exit(0));
