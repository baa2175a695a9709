// Frames, and calls between the tests' process and the candidate's: the JavaScript twin of frames.py, packing.py and
// link.py. Plain data goes by value, everything else by handle; a test answers for nothing but functions it handed over.
'use strict';
const fs = require('node:fs');

class Broken extends Error {}

function readExactly(fd, count) {
  const body = Buffer.alloc(count);
  for (let at = 0; at < count; ) {
    const got = fs.readSync(fd, body, at, count - at, null);
    if (!got) throw new Broken();
    at += got;
  }
  return body;
}

function readFrame(fd) {
  const length = readExactly(fd, 4).readUInt32BE(0);
  if (length > 1 << 25) throw new Broken();
  return JSON.parse(readExactly(fd, length).toString('utf8'));
}

function writeFrame(fd, value) {
  const body = Buffer.from(JSON.stringify(value), 'utf8');
  const data = Buffer.alloc(body.length + 4);
  data.writeUInt32BE(body.length, 0);
  body.copy(data, 4);
  for (let at = 0; at < data.length; ) at += fs.writeSync(fd, data, at);
}

const tag = (value) => Object.prototype.toString.call(value).slice(8, -1);
const isPlainObject = (value) => {
  const above = Object.getPrototypeOf(value);
  return above === null || Object.getPrototypeOf(above) === null;
};

// One end of a link. `allows(op, target)` guards it; `names(name)` finds a global by name, or undefined.
class Link {
  constructor(fd, allows, names) {
    Object.assign(this, { fd, allows, names });
    this.exported = [];
    this.remotes = new Map();
    this.numbers = new WeakMap();
    this.broken = false;
  }

  pack(value, path = []) {
    if (value === undefined) return ['undefined'];
    if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
    if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0) ? value : ['number', Object.is(value, -0) ? '-0' : String(value)];
    if (typeof value === 'bigint') return ['bigint', String(value)];
    if (path.includes(value) || path.length > 60) return this.export(value);
    const inner = (item) => this.pack(item, [...path, value]);
    if (Array.isArray(value)) return ['array', Array.from(value, inner)];
    if (typeof value === 'object') {
      if (tag(value) === 'Date') return ['date', value.getTime()];
      if (tag(value) === 'Map') return ['map', Array.from(value, (pair) => pair.map(inner))];
      if (tag(value) === 'Set') return ['set', Array.from(value, inner)];
      if (ArrayBuffer.isView(value)) return ['bytes', value.constructor.name, Array.from(value, inner)];
      if (tag(value) === 'Object' && isPlainObject(value) && typeof value.then !== 'function') {
        return ['object', Object.entries(value).map(([key, item]) => [key, inner(item)])];
      }
    }
    return this.export(value);
  }

  export(value) {
    if (this.numbers.has(value)) return ['yours', this.numbers.get(value)];
    let number = this.exported.indexOf(value);
    if (number < 0) number = this.exported.push(value) - 1;
    return ['mine', number, typeof value === 'function'];
  }

  unpack(packed) {
    if (!Array.isArray(packed)) return packed;
    const [kind, first, second] = packed;
    const all = (items) => items.map((item) => this.unpack(item));
    switch (kind) {
      case 'undefined': return undefined;
      case 'number': return Number(first);
      case 'bigint': return BigInt(first);
      case 'array': return all(first);
      case 'date': return new Date(first);
      case 'map': return new Map(first.map(all));
      case 'set': return new Set(all(first));
      case 'bytes': return /^(Uint|Int|Float|BigInt|BigUint)\w*Array$/.test(first) ? new globalThis[first](all(second)) : Buffer.from(all(second));
      case 'object': {
        const made = {};
        for (const [key, item] of first) Object.defineProperty(made, key, { value: this.unpack(item), enumerable: true, writable: true, configurable: true });
        return made;
      }
      case 'yours': return this.exported[first];
      case 'mine': return this.remote(first);
      default: throw new Broken();
    }
  }

  remote(number) {
    if (this.remotes.has(number)) return this.remotes.get(number);
    const ask = (op, ...args) => this.ask(op, remote, args);
    const remote = new Proxy(function () {}, {
      apply: (_, self, args) => ask('call', ...args),
      construct: (_, args) => ask('new', ...args),
      get: (_, name) => {
        if (name === Symbol.iterator) return function* () { for (const item of ask('iterate')) yield item; };
        if (name === Symbol.toPrimitive) return () => ask('text');
        return typeof name === 'symbol' || name === 'then' ? undefined : ask('get', name);
      },
      set: (_, name, value) => (ask('set', String(name), value), true),
      has: (_, name) => ask('has', String(name)),
      getPrototypeOf: () => null,
      ownKeys: () => ['prototype'],
    });
    this.remotes.set(number, remote);
    this.numbers.set(remote, number);
    return remote;
  }

  name(name) {
    const reply = this.exchange({ op: 'name', name });
    return 'value' in reply ? { value: this.unpack(reply.value) } : undefined;
  }

  // Ask the other end; a promise there is a promise here.
  ask(op, target, args) {
    const packed = args.map((item) => this.pack(item));
    const reply = this.exchange({ op, on: this.pack(target), args: packed });
    for (const [index, value] of Object.entries(reply.changed ?? {})) replace(args[index], this.unpack(value));
    const failed = 'raised' in reply && this.error(reply.raised);
    if (reply.promise) return failed ? Promise.reject(failed) : Promise.resolve(this.unpack(reply.value));
    if (failed) throw failed;
    return 'same' in reply ? args[reply.same] : this.unpack(reply.value);
  }

  exchange(request) {
    try {
      writeFrame(this.fd, request);
      for (;;) {
        const message = readFrame(this.fd);
        if (!('op' in message)) return message;
        writeFrame(this.fd, this.answer(message));
      }
    } catch {
      this.broken = true;
      throw new Broken();
    }
  }

  // Answers at once; a promise in it is for whoever can wait.
  answer({ op, on, name, args }) {
    if (op === 'name') {
      const found = this.names(name);
      return found === undefined ? {} : { value: this.pack(found.value) };
    }
    const target = this.unpack(on);
    const given = args.map((item) => this.unpack(item));
    if (!this.allows(op, target)) return { raised: this.spell(new TypeError('the test does not allow this')) };
    let reply;
    try {
      const value = OPERATIONS[op](target, ...given);
      const same = value !== null && typeof value === 'object' ? given.indexOf(value) : -1;
      if (value !== null && typeof value === 'object' && typeof value.then === 'function') reply = { promise: value };
      else reply = same >= 0 ? { same } : { value: this.pack(value) };
    } catch (error) {
      if (error instanceof Broken) throw error;
      reply = { raised: this.spell(error) };
    }
    const changed = {};
    given.forEach((value, index) => {
      if (value === null || typeof value !== 'object' || this.numbers.has(value)) return;
      const now = this.pack(value);
      if (JSON.stringify(now) !== JSON.stringify(args[index])) changed[index] = now;
    });
    return Object.keys(changed).length ? { ...reply, changed } : reply;
  }

  spell(error) {
    const isError = error !== null && typeof error === 'object' && 'message' in error;
    return { name: String(isError ? error.name : 'thrown'), message: String(isError ? error.message : error), value: isError ? null : this.pack(error) };
  }

  error({ name, message, value }) {
    if (value !== null) return this.unpack(value);
    const kind = /^(Range|Type|Syntax|Reference|Eval|URI)Error$/.test(name) ? globalThis[name] : Error;
    return Object.assign(new kind(message), { name });
  }
}

const OPERATIONS = {
  call: (target, ...args) => target(...args),
  new: (target, ...args) => new target(...args),
  get: (target, name) => {
    const value = target[name];
    return typeof value === 'function' ? value.bind(target) : value;
  },
  set: (target, name, value) => void (target[name] = value),
  has: (target, name) => name in target,
  text: (target) => String(target),
  iterate: (target) => {
    const items = [];
    for (const item of target) if (items.push(item) >= 1000) break;
    return items;
  },
};

function replace(old, fresh) {
  if (Array.isArray(old)) old.splice(0, old.length, ...fresh);
  else if (old instanceof Map || old instanceof Set) {
    old.clear();
    for (const item of fresh) old instanceof Map ? old.set(...item) : old.add(item);
  } else {
    for (const key of Object.keys(old)) delete old[key];
    Object.assign(old, fresh);
  }
}

module.exports = { Broken, Link, readFrame, writeFrame, tag, isPlainObject };
