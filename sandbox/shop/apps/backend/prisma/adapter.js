/** The driver adapter of `prisma migrate`: Prisma's own, completed where its WebAssembly engine needs more of it. */
import { PrismaPg } from "@prisma/adapter-pg";
import { connectionSettings } from "../src/database.js";

// "char", name and their arrays, which introspection reads and the stock adapter cannot: told as text.
const AS_TEXT = new Map([[18, 25], [19, 25], [1002, 1009], [1003, 1009]]);

export function migrationAdapter(url) {
  forgetLockTimer();
  const { schema, ...settings } = connectionSettings(url);
  return new MigrationAdapter(settings, schema);
}

class MigrationAdapter extends PrismaPg {
  constructor(settings, schema) {
    // One connection, since a lock belongs to the session that took it; and an idle one does not keep the command running.
    super({ ...settings, max: 1, allowExitOnIdle: true }, { schema });
  }

  async connect() {
    return complete(await super.connect());
  }

  /** The stock one drops the shadow database while it is still connected to it. */
  async connectToShadowDb() {
    const shadow = complete(await super.connectToShadowDb());
    const { database } = shadow.underlyingDriver().options;
    const main = await this.connect();
    shadow.dispose = async () => {
      await shadow.underlyingDriver().end();
      await main.executeScript(`DROP DATABASE "${database}"`);
      await main.dispose();
    };
    return shadow;
  }
}

/** The engine gives its lock 10 seconds and never clears that timer: it shall not keep a command that is done. */
function forgetLockTimer() {
  const { setTimeout } = globalThis;
  globalThis.setTimeout = (work, milliseconds, ...rest) => {
    const timer = setTimeout(work, milliseconds, ...rest);
    return milliseconds === 10_000 ? timer.unref() : timer;
  };
}

function complete(adapter) {
  const performIO = adapter.performIO.bind(adapter);
  adapter.performIO = async (query) => {
    const result = await performIO(query); // of a script: an array, which has no fields
    for (const field of result.fields ?? []) field.dataTypeID = AS_TEXT.get(field.dataTypeID) ?? field.dataTypeID;
    return result;
  };
  // The stock one splits at every `;`, also inside of a function's body, and leaves a failed script half applied.
  adapter.executeScript = async (script) => {
    await adapter.underlyingDriver().query(script).catch((error) => adapter.onError(error));
  };
  return adapter;
}
