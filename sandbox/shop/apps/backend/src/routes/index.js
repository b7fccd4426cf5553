import { authRoutes } from "./auth.js";
import { cartRoutes } from "./cart.js";
import { catalogueRoutes } from "./catalogue.js";
import { orderRoutes } from "./orders.js";
import { testCustomerRoutes } from "./test-customers.js";

export const routes = [catalogueRoutes, authRoutes, cartRoutes, orderRoutes, testCustomerRoutes];
