// Assembled by hand in tests/support/chains/forwarders.py: contracts that send coins on inside of a
// call, as smart wallets and batch withdrawals of exchanges do.
// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

contract Forwarder {
    function pay(address payable to) external payable {
        (bool success, ) = to.call{value: msg.value}("");
        require(success);
    }
}

contract SelfDestructingForwarder {
    function pay(address payable to) external payable {
        selfdestruct(to);
    }
}

contract ForwardsAndReverts {
    function pay(address payable to) external payable {
        to.call{value: msg.value}("");
        revert();
    }
}

contract Delegating { // a proxy of a forwarder
    address immutable target;

    constructor(address forwarder) {
        target = forwarder;
    }

    function pay(address payable) external payable {
        (bool success, ) = target.delegatecall(msg.data);
        require(success);
    }
}

contract RevertedForwarder { // its call of ForwardsAndReverts fails, and its transaction succeeds
    address immutable target;

    constructor(address forwarder) {
        target = forwarder;
    }

    function pay(address payable) external payable {
        target.call{value: msg.value}(msg.data);
    }
}

contract Keeps {
    function pay(address payable) external payable {}
}
