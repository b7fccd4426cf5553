// Broken on purpose: somebody wrote the release by hand and forgot it, so the pages tell another one than was deployed.
export const release = "v1.2.9";
