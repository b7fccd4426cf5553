/** Example data: four categories, their products, one customer. It can be run again and adds only what is missing. */
import { pathToFileURL } from "node:url";
import { connectDatabase } from "../src/database.js";
import { hashPassword } from "../src/passwords.js";

export const DEMO_USER = { email: "demo@shop.example", name: "Demo Customer", password: "demo-password" };

const CATALOGUE = {
  Kitchen: [
    ["Enamel Mug", "A light mug for coffee outdoors, white with a blue rim", 1290],
    ["Cast Iron Pan", "Sears evenly, works on every stove and lasts for generations", 4990],
    ["Chef's Knife", "A forged blade of 20 cm with a walnut handle", 7900],
    ["Tea Kettle", "Stainless steel, whistles when the water boils", 3450],
    ["Linen Towels", "Three towels that dry glasses without lint", 1850],
    ["Oak Cutting Board", "End grain that is kind to knives", 4200],
  ],
  Desk: [
    ["Fountain Pen", "A steel nib of medium width, with a converter for ink", 2990],
    ["Dotted Notebook", "Paper of 120 g that ink does not bleed through", 1690],
    ["Desk Lamp", "A warm light on a jointed arm", 6400],
    ["Felt Desk Mat", "Wool felt that keeps the wrists warm", 3200],
    ["Brass Ruler", "30 cm, engraved on both sides", 1450],
    ["Letter Tray", "Two shelves of birch for paper", 2750],
  ],
  Garden: [
    ["Pruning Shears", "A clean cut through branches of up to 2 cm", 3890],
    ["Watering Can", "Galvanised steel, five litres, with a brass rose", 4550],
    ["Terracotta Pots", "Four pots with saucers for herbs", 2390],
    ["Garden Twine", "100 m of jute that rots where it falls", 690],
    ["Hand Trowel", "A carbon steel blade with an ash handle", 1990],
    ["Herb Seeds", "Basil, thyme, chives, parsley and coriander", 990],
  ],
  Travel: [
    ["Canvas Backpack", "18 litres of waxed canvas with a sleeve for a laptop", 8900],
    ["Steel Bottle", "Keeps tea hot for twelve hours", 2850],
    ["Packing Cubes", "A set of three for shirts, socks and the rest", 2600],
    ["Wool Blanket", "For trains, picnics and cold evenings", 6900],
    ["Sleep Mask", "Silk, dark and light", 1790],
    ["Pocket Map Case", "Waterproof and transparent on both sides", 1350],
  ],
};

const slugOf = (name) => name.toLowerCase().replace(/[^a-z0-9]+/g, "-");

export async function seed(database) {
  for (const [name, products] of Object.entries(CATALOGUE)) {
    const category = await database.category.upsert({ where: { slug: slugOf(name) }, update: {}, create: { slug: slugOf(name), name } });
    const data = products.map(([name, description, priceCents]) => ({
      slug: slugOf(name), name, description, priceCents, stock: 100, categoryId: category.id,
    }));
    await database.product.createMany({ data, skipDuplicates: true });
  }
  const { password, ...user } = DEMO_USER;
  const passwordHash = await hashPassword(password);
  await database.user.upsert({ where: { email: user.email }, update: {}, create: { ...user, passwordHash } });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const database = await connectDatabase(process.env.DATABASE_URL);
  await seed(database);
  const [products, users] = await Promise.all([database.product.count(), database.user.count()]);
  console.log(`The shop has ${products} products and ${users} customers.`);
  await database.$disconnect();
}
