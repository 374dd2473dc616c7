window.productConfig = {
  "version": "__VERSION__",
  "api": "__API_URL__",
  "calls": [{"path": "/api/items"}, {"path": "/api/orders"}, {"path": "/api/cart", "headers": {"x-cart": "visitor"}}]
};
