"""How images get worse: noise, blur, masks, fewer pixels; each written once."""
