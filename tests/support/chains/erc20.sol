// Assembled by hand in tests/support/chains/erc20.py: the part of ERC-20 that settlement uses.
// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

contract Token {
    uint8 public constant decimals = 6;
    mapping(address => uint256) public balanceOf; // by hand: the slot is the address itself

    event Transfer(address indexed from, address indexed to, uint256 value);

    constructor() {
        balanceOf[msg.sender] = 1e15;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        require(value <= balanceOf[msg.sender]);
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value;
        emit Transfer(msg.sender, to, value);
        return true;
    }
}
