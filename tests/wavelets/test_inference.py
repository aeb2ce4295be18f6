"""Networks prepared for inference give what they gave before."""

import torch

from pkn.nets.models.bias_free_cnn import BiasFreeCNN, BiasFreeSettings, fused
from pkn.wavelets.inference import inference_net


def test_fused_networks_are_equal():
    torch.manual_seed(0)
    net = BiasFreeCNN(BiasFreeSettings(2, 1, 8, (3, 1, 3, 3))).eval()
    for norm in net.norms:
        torch.nn.init.uniform_(norm.gain, 0.5, 2)
        norm.deviation.uniform_(0.5, 2)
    image = torch.randn(3, 2, 9, 11, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = net(image)
        torch.testing.assert_close(fused(net)(image), expected)
        torch.testing.assert_close(
            inference_net(net, half=True)(image), expected, rtol=0.05, atol=0.05 * float(expected.std())
        )
        torch.testing.assert_close(net(image), expected, rtol=0, atol=0)
