// Assembled by hand in tests/support/chains/hostile.py: recipients and tokens that cost a hot wallet
// more than it charged, or report what did not happen.
// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

contract GasBurner { // the audit's: 21.7 million gas for 0.0001 ETH
    receive() external payable {
        for (uint256 left = 830_000; left != 0; left--) {}
    }
}

contract ExpensiveWallet { // within the ceiling of gas: to be paid
    receive() external payable {
        for (uint256 left = 1_500; left != 0; left--) {}
    }
}

contract TwoFaced { // free while it is estimated, when nodes set no gas price; then all the gas there is
    receive() external payable {
        while (tx.gasprice != 0) {}
    }
}

contract Reverter {
    receive() external payable {
        revert();
    }
}

contract ReturnBomb {
    receive() external payable {
        assembly { return(0, 0x100000) }
    }
}

contract RevertBomb {
    receive() external payable {
        assembly { revert(0, 0x4000) }
    }
}

contract SelfDestructed { // its address has no code any more
    constructor() payable {
        selfdestruct(payable(msg.sender));
    }
}

contract SelfDestructing { // since Cancun it only passes its balance on
    receive() external payable {
        selfdestruct(payable(address(0xdead)));
    }
}

contract Proxy { // to a burner
    address immutable target;

    constructor(address to) {
        target = to;
    }

    receive() external payable {
        (bool ok, ) = target.delegatecall("");
        require(ok);
    }
}

contract FalseToken { // returns false instead of reverting
    fallback() external {
        assembly { mstore(0, 0) return(0, 32) }
    }
}

contract LyingToken { // returns true, and moves nothing
    fallback() external {
        assembly { mstore(0, 1) return(0, 32) }
    }
}

contract RefusingToken { // an ERC-20 (erc20.sol) whose owner sets what some recipients get
    mapping(address => uint256) modes; // 0: their transfer; 1: false; 2: true; 3: true once signed

    function transfer(address to, uint256) external view returns (bool) {
        require(modes[to] != 0 && (modes[to] != 3 || tx.gasprice != 0)); // else as in erc20.sol
        return modes[to] != 1; // and nothing is moved
    }
}
