import manifest from "../package.json";

export const release = `v${manifest.version}`;
