export const release = "v1.0.0";
